using System.Text;
using DistributedSockets.Testing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace DistributedSockets.Nats.Tests.Sessions;

/// <summary>What stands in the buckets: others may have written to them, and nothing is left behind.</summary>
public sealed class NatsSessionStoreContentTests(JetStreamFixture jetStream) : IAsyncLifetime
{
    private const string Hub = "chat";

    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(10);

    private static readonly NodeInfo Node = new() { NodeId = "n1", Name = "web", StartedAt = DateTimeOffset.UnixEpoch };

    private static readonly Session Good = new()
    {
        Hub = Hub, NodeId = "n1", ConnectionId = "n1.good", UserId = "alice", Groups = ["red"], ConnectedAt = DateTimeOffset.UnixEpoch,
    };

    private static readonly Session Bad = Good with { ConnectionId = "n1.bad" };

    private readonly string _prefix = $"content_{Guid.NewGuid():N}.1";
    private readonly FakeLogger<NatsSessionStore> _logger = new();
    private NatsSessionStore? _store;
    private Bucket? _bucket;

    /// <summary>Records as Latin-1 text, so that any byte can stand in them.</summary>
    public static TheoryData<string> Unreadable =>
    [
        "",
        "\0",
        "\u00ff\u00fe\u0080",
        "null",
        "{",
        "[]",
        "42",
        "\"text\"",
        "{\"n\":\"n1\",\"h\":\"chat\",\"c\":\"n1.bad\",\"t\":\"not a time\"}",
        "{\"n\":\"n1\",\"h\":\"chat\",\"c\":\"n1.bad\",\"u\":7,\"i\":\"n2\",\"d\":\"x\"}",
        "{\"n\":\"n1\",\"h\":\"chat\",\"c\":\"n1.bad\",\"g\":[null],\"i\":null}",
        "{\"n\":\"n1\",\"h\":\"chat\",\"c\":\"n1.other\",\"i\":\"n2\",\"d\":-1}",
        "{\"n\":\"n1\",\"h\":\"chat\",\"c\":\"\\ud800\",\"i\":\"n2\",\"d\":9223372036854775807}",
        $"{{\"x\":{new string('[', 5_000)}",
    ];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private NatsSessionStore Store => _store!;

    public ValueTask InitializeAsync()
    {
        jetStream.Server.SkipUnlessAvailable();
        _store = NatsFactory.SessionStore(jetStream.Server.Url, _prefix, logger: _logger);
        _bucket = new Bucket(jetStream.Server.Url, _prefix);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        if (_store is not null)
        {
            await _store.DisposeAsync();
            await _bucket!.DisposeAsync();
        }
    }

    [Theory]
    [MemberData(nameof(Unreadable))]
    public async Task UnreadableSession_InAnyQuery_IsSkippedAndLogged(string record)
    {
        await SaveAsync(Good, Bad);
        await _bucket!.PutAsync(_bucket.SessionKey(Bad), Encoding.Latin1.GetBytes(record));

        Assert.Null(await Store.FindAsync(Hub, "n1.bad", Cancellation));
        foreach (var query in new[]
        {
            SessionQuery.ForHub(Hub), SessionQuery.ForUser(Hub, "alice"), SessionQuery.ForGroup(Hub, "red"),
            SessionQuery.ForNode("n1"), SessionQuery.ForNode("n1", Hub),
        })
        {
            Assert.Equal("n1.good", Assert.Single(await ListAsync(query)).ConnectionId);
        }

        var logged = Assert.Single(_logger.Collector.GetSnapshot());
        Assert.Equal((1150, LogLevel.Warning), (logged.Id.Id, logged.Level));
        Assert.Contains("n1.chat.bad", logged.Message, StringComparison.Ordinal);
        Assert.Null(logged.Exception); // its message would repeat the record
    }

    [Theory]
    [MemberData(nameof(Unreadable))]
    public async Task UnreadableSession_OfALostNode_DoesNotStandInTheWayOfClaims(string record)
    {
        await Store.CommitAsync("n1", [new() { Kind = SessionChangeKind.Saved, Session = Good }, new() { Kind = SessionChangeKind.Saved, Session = Bad }], Cancellation);
        await _bucket!.PutAsync(_bucket.SessionKey(Bad), Encoding.Latin1.GetBytes(record));

        Assert.Equal("n1.good", Assert.Single(await Store.ClaimExpiredAsync("other", 10, Cancellation)).ConnectionId);
        Assert.Empty(await Store.ClaimExpiredAsync("other", 10, Cancellation));
        Assert.Empty(await _bucket.KeysAsync());
    }

    [Theory]
    [MemberData(nameof(Unreadable))]
    public async Task UnreadableNode_InAnyQuery_IsSkippedAndLogged(string record)
    {
        await SaveAsync(Good);
        await _bucket!.PutAsync(_bucket.Keys.Lease("n2"), Encoding.Latin1.GetBytes(record));

        Assert.Equal(Node, Assert.Single(await Store.ListNodesAsync(Cancellation)));
        Assert.True(await Store.IsOnlineAsync(Hub, "alice", Cancellation));
        Assert.Single(await ListAsync(SessionQuery.ForHub(Hub)));
        Assert.Empty(await Store.ClaimExpiredAsync("other", 10, Cancellation));
        Assert.Equal(1151, Assert.Single(_logger.Collector.GetSnapshot()).Id.Id);
    }

    [Theory]
    [MemberData(nameof(Unreadable))]
    public async Task UnreadableLease_OfALiveNode_IsTakenAnew(string record)
    {
        await SaveAsync(Good);
        await _bucket!.PutAsync(_bucket.Keys.Lease("n1"), Encoding.Latin1.GetBytes(record));

        Assert.False(await Store.RenewLeaseAsync(Node, Lease, Cancellation));
        Assert.True(await Store.RenewLeaseAsync(Node, Lease, Cancellation));
        Assert.True(await Store.IsOnlineAsync(Hub, "alice", Cancellation));
    }

    [Fact]
    public async Task ForeignKeys_InEitherBucket_AreNoSessions()
    {
        await SaveAsync(Good);
        foreach (var key in new[] { "x", "s", "s.n1", "s.n1.chat", "s.n1.chat.a.b", "u.chat.alice", "u.chat.alice.n1", "u.chat.alice.n1.nobody.x", "g.chat.red.nobody.x", "n.x.y" })
        {
            await _bucket!.PutAsync($"$KV.{_bucket.Keys.SessionsBucket}.{key}", "rubbish"u8.ToArray());
            await _bucket.PutAsync($"$KV.{_bucket.Keys.NodesBucket}.{key}", "rubbish"u8.ToArray());
        }

        // An index that leads nowhere, and one that leads to a session of somebody else.
        await _bucket!.PutAsync(_bucket.Keys.User(Hub, "alice", "n1", "nobody"), []);
        await _bucket.PutAsync(_bucket.Keys.User(Hub, "bob", "n1", "good"), []);
        await _bucket.PutAsync(_bucket.Keys.Group(Hub, "blue", "n1", "good"), []);

        Assert.Equal("n1.good", Assert.Single(await ListAsync(SessionQuery.ForHub(Hub))).ConnectionId);
        Assert.Equal("n1.good", Assert.Single(await ListAsync(SessionQuery.ForUser(Hub, "alice"))).ConnectionId);
        Assert.Equal("n1.good", Assert.Single(await ListAsync(SessionQuery.ForGroup(Hub, "red"))).ConnectionId);
        Assert.Empty(await ListAsync(SessionQuery.ForUser(Hub, "bob")));
        Assert.Empty(await ListAsync(SessionQuery.ForGroup(Hub, "blue")));
        Assert.Equal(Node, Assert.Single(await Store.ListNodesAsync(Cancellation)));
        Assert.Equal([true, false], await Store.AreOnlineAsync(Hub, ["alice", "carol"], Cancellation));
        Assert.Equal(1, await Store.CountAsync(SessionQuery.ForHub(Hub), Cancellation));
        Assert.True(await Store.RenewLeaseAsync(Node, Lease, Cancellation));
    }

    [Theory]
    [InlineData("")]
    [InlineData("rubbish")]
    [InlineData("null")]
    [InlineData("{\"g\":\"blue\",\"n\":0}")]
    [InlineData("{\"g\":\"blue\",\"n\":-5}")]
    [InlineData("{\"g\":\"blue\",\"n\":9223372036854775807}")]
    [InlineData("{\"g\":null,\"n\":5}")]
    [InlineData("{\"g\":\"red\",\"n\":5}")] // the size of another group than its key says
    public async Task SizeOfAGroup_ThatIsNoneOfOurs_IsSkippedAndLogged(string record)
    {
        await SaveAsync(Good);
        await _bucket!.PutAsync(_bucket.Keys.GroupSize(Hub, "blue", "n1"), Encoding.UTF8.GetBytes(record));
        await _bucket.PutAsync(_bucket.Keys.GroupSize(Hub, "red", "nobody"), "{\"g\":\"red\",\"n\":7}"u8.ToArray());

        foreach (var query in new[] { GroupQuery.ByName(Hub), GroupQuery.Largest(Hub) })
        {
            var group = Assert.Single((await Store.ListGroupsAsync(query, 10, null, Cancellation)).Groups);
            Assert.Equal(("red", 1), (group.Group, group.Connections));
        }

        Assert.Single(_logger.Collector.GetSnapshot(), entry => entry.Id.Id == 1150);
    }

    [Fact]
    public async Task SizesOfGroups_AnotherStoreOfTheNodeWentBefore_GoOnFromWhatStandsThere()
    {
        await SaveAsync(Good);
        await using var next = NatsFactory.SessionStore(jetStream.Server.Url, _prefix);

        await next.CommitAsync("n1", [new() { Kind = SessionChangeKind.Saved, Session = Bad }], Cancellation);
        Assert.Equal(2, Assert.Single((await Store.ListGroupsAsync(GroupQuery.ByName(Hub), 10, null, Cancellation)).Groups).Connections);

        await next.CommitAsync("n1", [new() { Kind = SessionChangeKind.Ended, Session = Good }], Cancellation);
        Assert.Equal(1, Assert.Single((await Store.ListGroupsAsync(GroupQuery.ByName(Hub), 10, null, Cancellation)).Groups).Connections);
    }

    [Fact]
    public async Task UnreadableSessions_Many_AreLoggedOnceInAWhile()
    {
        await SaveAsync(Good);
        for (var i = 0; i < 300; i++)
        {
            await _bucket!.PutAsync(_bucket.Keys.Session("n1", Hub, $"bad{i}"), "rubbish"u8.ToArray());
            await _bucket.PutAsync(_bucket.Keys.Lease($"bad{i}"), "rubbish"u8.ToArray());
        }

        for (var round = 0; round < 3; round++)
        {
            Assert.Equal("n1.good", Assert.Single(await ListAsync(SessionQuery.ForHub(Hub))).ConnectionId);
        }

        Assert.Equal([1151, 1150], _logger.Collector.GetSnapshot().Select(entry => entry.Id.Id));
    }

    [Fact]
    public async Task EveryEnd_LeavesNothingBehind()
    {
        var groups = Enumerable.Range(0, 5).Select(i => $"group {i}").ToArray();
        await SaveAsync([.. Enumerable.Range(0, 50).Select(i => Good with { ConnectionId = $"n1.{i}", Groups = groups })]);
        Session[] ended = [.. await ListAsync(SessionQuery.ForHub(Hub))];
        Assert.Equal(50, ended.Length);

        await Store.CommitAsync("n1", [.. ended.Select(session => new SessionChange { Kind = SessionChangeKind.Ended, Session = session })], Cancellation);
        Assert.Equal([_bucket!.Keys.Lease("n1"), _bucket.Keys.Written("n1")], (await _bucket.KeysAsync()).Order(StringComparer.Ordinal));

        await SaveAsync(ended);
        await Store.RemoveNodeAsync("n1", Cancellation);
        Assert.Empty(await _bucket.KeysAsync());
    }

    [Fact]
    public async Task Bucket_WithSettingsThatWouldLoseSessions_IsRefused()
    {
        var name = _bucket!.Keys.SessionsBucket;
        var created = await _bucket.AskStreamAsync(
            "CREATE", _bucket.SessionsStream, $$"""{"name":"{{_bucket.SessionsStream}}","subjects":["$KV.{{name}}.>"],"max_msgs_per_subject":1,"max_age":1000000000}""");
        Assert.Null(created["error"]);

        var refused = await Assert.ThrowsAsync<SessionStoreUnavailableException>(async () => await Store.RenewLeaseAsync(Node, Lease, Cancellation));

        Assert.Contains(name, refused.Message, StringComparison.Ordinal);
        await _bucket.DeleteAsync(_bucket.SessionsStream);
        Assert.False(await Store.RenewLeaseAsync(Node, Lease, Cancellation));
    }

    [Fact]
    public async Task Bucket_SubjectsOfWhichAnotherStreamHas_IsRefusedAndWaitedForAWhile()
    {
        const string Intruder = "intruder";
        var subjects = $"$KV.{_bucket!.Keys.SessionsBucket}.>";
        Assert.Null((await _bucket.AskStreamAsync("CREATE", Intruder, $$"""{"name":"{{Intruder}}","subjects":["{{subjects}}"]}"""))["error"]);
        await using var hasty = NatsFactory.SessionStore(
            jetStream.Server.Url, _prefix, options => options.OperationTimeout = TimeSpan.FromMilliseconds(500), _logger);

        var refused = await Assert.ThrowsAsync<SessionStoreUnavailableException>(async () => await hasty.RenewLeaseAsync(Node, Lease, Cancellation));
        Assert.Contains("10065", refused.Message, StringComparison.Ordinal);

        // As when another node creates the bucket at the same moment: for a while the server has it neither for that node nor for this one.
        var renewing = Store.RenewLeaseAsync(Node, Lease, Cancellation).AsTask();
        await _bucket.DeleteAsync(Intruder);
        await using var other = NatsFactory.SessionStore(jetStream.Server.Url, _prefix, logger: _logger);
        await other.ListNodesAsync(Cancellation).WithinGuardAsync(); // creates it

        Assert.False(await renewing.WithinGuardAsync());
    }

    [Fact]
    public async Task Bucket_OfAnotherStorage_IsUsedAsItIsAndLogged()
    {
        await SaveAsync(Good);
        await using var other = NatsFactory.SessionStore(
            jetStream.Server.Url, _prefix, options => options.Storage = NatsStorage.File, _logger);

        Assert.True(await other.IsOnlineAsync(Hub, "alice", Cancellation));

        var logged = _logger.Collector.GetSnapshot();
        Assert.Equal([1154, 1154], logged.Select(entry => entry.Id.Id));
        Assert.All(logged, entry => Assert.Contains("memory", entry.Message, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Groups_MoreThanOneMessageHolds_AreFoundAllTheSameAndTheOtherSessionsAreWritten()
    {
        string[] groups = [.. Enumerable.Range(0, 5_000).Select(static i => $"{i:D4}{new string('\u00e9', 200)}")];
        var large = Good with { ConnectionId = "n1.large", UserId = "bob", Groups = groups };

        await SaveAsync(Good, large);

        Assert.Equal(Good.Groups, (await Store.FindAsync(Hub, Good.ConnectionId, Cancellation))?.Groups);
        var found = await Store.FindAsync(Hub, large.ConnectionId, Cancellation);
        Assert.InRange(found!.Groups.Count, 800, 900); // of 1,209 bytes each, in 1 MiB
        Assert.Equal(groups.Take(found.Groups.Count), found.Groups);
        Assert.Equal("n1.large", Assert.Single(await ListAsync(SessionQuery.ForGroup(Hub, groups[0]))).ConnectionId);
        Assert.Equal("n1.large", Assert.Single(await ListAsync(SessionQuery.ForGroup(Hub, groups[^1]))).ConnectionId);
        Assert.Equal(1, await Store.CountAsync(SessionQuery.ForGroup(Hub, groups[^1]), Cancellation));
        Assert.Equal((1155, LogLevel.Warning), Assert.Single(_logger.Collector.GetSnapshot().Select(static entry => (entry.Id.Id, entry.Level))));
    }

    private async Task SaveAsync(params Session[] sessions)
    {
        await Store.RenewLeaseAsync(Node, Lease, Cancellation);
        await Store.CommitAsync("n1", [.. sessions.Select(session => new SessionChange { Kind = SessionChangeKind.Saved, Session = session })], Cancellation);
    }

    private async Task<List<Session>> ListAsync(SessionQuery query)
    {
        var sessions = new List<Session>();
        await foreach (var session in Store.ListAsync(query, Cancellation))
        {
            sessions.Add(session);
        }

        return sessions;
    }
}
