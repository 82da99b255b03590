using System.Text;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Sessions;

/// <summary>What stands in Redis: others may have written to it, and nothing is left behind.</summary>
public abstract class RedisSessionStoreContentTests(RespServer server) : IAsyncLifetime
{
    private const string Hub = "chat";

    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(10);

    private readonly string _prefix = $"content-{Guid.NewGuid():N}";
    private readonly FakeLogger<RedisSessionStore> _logger = new();
    private ConnectionMultiplexer? _multiplexer;
    private RedisSessionStore? _store;

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
        "{\"t\":\"not a time\"}",
        "{\"t\":\"2030-01-01T00:00:00Z\",\"u\":7,\"n\":7}",
        "{\"t\":null,\"n\":null}",
        "{\"t\":{},\"n\":{}}",
        $"{{\"x\":{new string('[', 5_000)}",
    ];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private IDatabase Database => _multiplexer!.GetDatabase();

    private RedisSessionStore Store => _store!;

    private RedisHubKeys HubKeys => new(_prefix, Hub);

    public async ValueTask InitializeAsync()
    {
        server.SkipUnlessAvailable();
        _multiplexer = await ConnectionMultiplexer.ConnectAsync(server.EndPoint + ",allowAdmin=true");
        _store = RedisFactory.SessionStore(server.EndPoint, _prefix, logger: _logger);
    }

    public async ValueTask DisposeAsync()
    {
        if (_store is not null)
        {
            await _store.DisposeAsync();
            await _multiplexer!.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    [Theory]
    [MemberData(nameof(Unreadable))]
    public async Task UnreadableSession_InAnyQuery_IsSkippedAndLogged(string record)
    {
        var (keys, good) = await SaveAsync("n1", "good");
        await PlantAsync(keys, "n1.bad", record);

        Assert.Null(await Store.FindAsync(Hub, "n1.bad", Cancellation));
        foreach (var query in new[]
        {
            SessionQuery.ForHub(Hub), SessionQuery.ForUser(Hub, "alice"), SessionQuery.ForGroup(Hub, "red"),
            SessionQuery.ForNode("n1"), SessionQuery.ForNode("n1", Hub),
        })
        {
            Assert.Equal(good.ConnectionId, Assert.Single(await ListAsync(query)).ConnectionId);
        }

        await Store.CountAsync(SessionQuery.ForGroup(Hub, "red"), Cancellation);
        Assert.Contains(_logger.Collector.GetSnapshot(), entry => entry.Id.Id == 1020 && entry.Level == LogLevel.Warning && entry.Message.Contains("n1.bad"));
    }

    [Theory]
    [MemberData(nameof(Unreadable))]
    public async Task UnreadableSession_OfALostNode_DoesNotStandInTheWayOfClaims(string record)
    {
        var (keys, good) = await SaveAsync("n1", "good");
        await PlantAsync(keys, "n1.bad", record);
        await Database.KeyDeleteAsync(keys.Lease);

        Assert.Equal(good.ConnectionId, Assert.Single(await ClaimAllAsync()).ConnectionId);
        Assert.Empty(await KeysAsync());
    }

    [Theory]
    [MemberData(nameof(Unreadable))]
    public async Task UnreadableNode_InAnyQuery_IsSkipped(string record)
    {
        var (_, good) = await SaveAsync("n1", "good");
        var planted = new RedisSessionKeys(_prefix, "n2");
        await Database.HashSetAsync(RedisSessionKeys.Nodes(_prefix), "n2", Encoding.Latin1.GetBytes(record));
        await Database.HashSetAsync(RedisSessionKeys.Nodes(_prefix), "not:{plain}", Encoding.Latin1.GetBytes(record));
        await Database.StringSetAsync(planted.Lease, 1, Lease);

        Assert.Equal(good.NodeId, Assert.Single(await Store.ListNodesAsync(Cancellation), node => node.NodeId == "n1").NodeId);
        Assert.True(await Store.IsOnlineAsync(Hub, "alice", Cancellation));
        Assert.Single(await ListAsync(SessionQuery.ForHub(Hub)));
        Assert.Empty(await ClaimAllAsync());
    }

    [Fact]
    public async Task UnreadableSessions_Many_AreLoggedOnceInAWhile()
    {
        var (keys, good) = await SaveAsync("n1", "good");
        await Database.HashSetAsync(keys.Sessions(Hub), [.. Enumerable.Range(0, 2_000).Select(i => new HashEntry($"n1.bad\n{i}", "rubbish"))]);
        await Database.HashSetAsync(keys.Sessions(Hub), "n1.huge" + new string('x', 100_000), new string('{', 1_000_000));
        await Database.HashSetAsync(
            RedisSessionKeys.Nodes(_prefix), [.. Enumerable.Range(0, 200).Select(i => new HashEntry($"bad{i}", "rubbish"))]);
        foreach (var i in Enumerable.Range(0, 200))
        {
            await Database.StringSetAsync(new RedisSessionKeys(_prefix, $"bad{i}").Lease, 1, Lease, flags: CommandFlags.FireAndForget);
        }

        for (var round = 0; round < 3; round++)
        {
            Assert.Equal(good.ConnectionId, Assert.Single(await ListAsync(SessionQuery.ForHub(Hub))).ConnectionId);
            Assert.Equal("n1", Assert.Single(await Store.ListNodesAsync(Cancellation)).NodeId);
        }

        var logged = _logger.Collector.GetSnapshot();
        Assert.Equal([1020, 1021], logged.Select(entry => entry.Id.Id));
        Assert.All(logged, entry => Assert.InRange(entry.Message.Length, 1, 1_000));
        Assert.All(logged, entry => Assert.DoesNotContain('\n', entry.Message));
        Assert.All(logged, entry => Assert.Null(entry.Exception)); // its message would repeat the record
    }

    [Fact]
    public async Task UnreadableSessions_AfterAMinute_AreLoggedAgainWithTheirNumber()
    {
        var (keys, _) = await SaveAsync("n1", "good");
        await PlantAsync(keys, "n1.bad", "rubbish");
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        await using var store = RedisFactory.SessionStore(server.EndPoint, _prefix, logger: _logger, time: time);
        for (var round = 0; round < 4; round++)
        {
            Assert.Null(await store.FindAsync(Hub, "n1.bad", Cancellation));
        }

        Assert.Single(_logger.Collector.GetSnapshot());
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Null(await store.FindAsync(Hub, "n1.bad", Cancellation));

        Assert.Equal(2, _logger.Collector.Count);
        Assert.Contains("3 more were skipped since", _logger.LatestRecord.Message);
    }

    /// <summary>Which of a node's keys is in the way, so that each test runs for every one.</summary>
    public static TheoryData<string> KeysOfANode =>
        ["lease", "hubs", "sessions", "users", "groups", "user", "group", "connections", "leases", "numbers", "sizes", "names", "share"];

    [Theory]
    [MemberData(nameof(KeysOfANode))]
    public async Task ForeignKey_OfANode_HidesNothingOfOthers(string which)
    {
        var (_, good) = await SaveAsync("n1", "good");
        var (keys, _) = await SaveAsync("n2", "hidden");
        await ReplaceAsync(KeyOf(keys, which));

        foreach (var query in new[]
        {
            SessionQuery.ForHub(Hub), SessionQuery.ForUser(Hub, "alice"), SessionQuery.ForGroup(Hub, "red"), SessionQuery.ForNode("n1"),
        })
        {
            Assert.Contains(await ListAsync(query), session => session.ConnectionId == good.ConnectionId);
            Assert.InRange(await Store.CountAsync(query, Cancellation), 1, 2);
        }

        await ListAsync(SessionQuery.ForNode("n2"));
        await Store.FindAsync(Hub, "n2.hidden", Cancellation);
        Assert.NotNull(await Store.FindAsync(Hub, good.ConnectionId, Cancellation));
        Assert.Equal([true, false], await Store.AreOnlineAsync(Hub, ["alice", "nobody"], Cancellation));
        Assert.Equal(["n1", "n2"], (await Store.ListNodesAsync(Cancellation)).Select(node => node.NodeId).Order());
        Assert.Empty(await ClaimAllAsync());

        // Neither the lease's value nor the counts of groups matter to a query, nor what pages and lists of groups are read from.
        Assert.Equal(which is "lease" or "groups" or "connections" || HubKeys.For("n2").Contains(KeyOf(keys, which)) ? 0 : 1, _logger.Collector.GetSnapshot().Count(entry => entry.Id.Id == 1024));
    }

    [Theory]
    [MemberData(nameof(KeysOfANode))]
    public async Task ForeignKey_OfALostNode_StandsInTheWayOfNoClaim(string which)
    {
        var (keys, hidden) = await SaveAsync("n0", "hidden"); // comes first in a short list of nodes
        var (lost, good) = await SaveAsync("n1", "good");
        await Database.KeyDeleteAsync([lost.Lease, keys.Lease]);
        if (which is not "lease")
        {
            await ReplaceAsync(KeyOf(keys, which));
        }

        var claimed = (await ClaimAllAsync()).Select(session => session.ConnectionId).Order().ToArray();

        // Without the list of hubs or the sessions themselves nobody knows what there was.
        Assert.Equal(which is "hubs" or "sessions" ? [good.ConnectionId] : [hidden.ConnectionId, good.ConnectionId], claimed);
        Assert.Empty(await Database.HashKeysAsync(RedisSessionKeys.Nodes(_prefix)));
        if (which is not "hubs")
        {
            Assert.Empty(await KeysAsync());
        }
    }

    [Theory]
    [MemberData(nameof(KeysOfANode))]
    public async Task ForeignKey_OfALiveNode_IsReplacedAndTheNodeToldToWriteAgain(string which)
    {
        var (keys, session) = await SaveAsync("n1", "good");
        Assert.True(await Store.RenewLeaseAsync(Info("n1"), Lease, Cancellation));
        await ReplaceAsync(KeyOf(keys, which));

        // What the committer does: it tries the same changes until they are written.
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    await Store.CommitAsync("n1", [new() { Kind = SessionChangeKind.Saved, Session = session }], Cancellation);
                    return true;
                }
                catch (SessionStoreUnavailableException)
                {
                    return false;
                }
            },
            "the changes are written");

        Assert.False(await Store.RenewLeaseAsync(Info("n1"), Lease, Cancellation));
        Assert.True(await Store.RenewLeaseAsync(Info("n1"), Lease, Cancellation));
        await Store.ResetAsync("n1", Cancellation);
        await Store.CommitAsync("n1", [new() { Kind = SessionChangeKind.Saved, Session = session }], Cancellation);
        foreach (var query in new[]
        {
            SessionQuery.ForHub(Hub), SessionQuery.ForUser(Hub, "alice"), SessionQuery.ForGroup(Hub, "red"), SessionQuery.ForNode("n1"),
        })
        {
            Assert.Equal(session.ConnectionId, Assert.Single(await ListAsync(query)).ConnectionId);
        }

        if (which is not "lease" || server is RedisServer)
        {
            // Garnet's SET replaces what is there.
            Assert.Contains(_logger.Collector.GetSnapshot(), entry => entry.Id.Id == 1025);
        }
    }

    [Fact]
    public async Task ForeignKey_InPlaceOfTheNodes_IsReplacedByTheNextHeartbeat()
    {
        await SaveAsync("n1", "good");
        await Database.StringSetAsync(RedisSessionKeys.Nodes(_prefix), "not a hash");
        await Assert.ThrowsAsync<SessionStoreUnavailableException>(async () => await Store.ListNodesAsync(Cancellation));

        Assert.True(await Store.RenewLeaseAsync(Info("n1"), Lease, Cancellation));

        Assert.Equal("n1", Assert.Single(await Store.ListNodesAsync(Cancellation)).NodeId);
        Assert.Single(await ListAsync(SessionQuery.ForHub(Hub)));
    }

    [Theory]
    [MemberData(nameof(KeysOfANode))]
    public async Task ForeignKey_NodeSignsOff_LeavesNoKey(string which)
    {
        var (keys, _) = await SaveAsync("n1", "good");
        await ReplaceAsync(KeyOf(keys, which));

        await Store.RemoveNodeAsync("n1", Cancellation);

        Assert.Empty(await Store.ListNodesAsync(Cancellation));
        if (which is not "hubs" and not "users" and not "groups")
        {
            Assert.Empty(await KeysAsync());
        }
    }

    [Fact]
    public async Task ForeignKey_InPlaceOfASessionsGroups_HidesNothingElse()
    {
        var (_, good) = await SaveAsync("n1", "good");
        var (keys, session) = await SaveAsync("n1", "other");
        await ReplaceAsync(keys.GroupsOf(Hub, session.ConnectionId));

        Assert.Equal(2, (await ListAsync(SessionQuery.ForUser(Hub, "alice"))).Count);
        Assert.Equal(good.ConnectionId, Assert.Single(await ListAsync(SessionQuery.ForGroup(Hub, "red"))).ConnectionId);
        Assert.Empty((await Store.FindAsync(Hub, session.ConnectionId, Cancellation))!.Groups);
        Assert.Single(_logger.Collector.GetSnapshot(), entry => entry.Id.Id == 1024);

        await Database.KeyDeleteAsync(keys.Lease);
        Assert.Equal(2, (await ClaimAllAsync()).Count);
        Assert.Empty(await KeysAsync());
    }

    [Fact]
    public async Task ForeignKey_InPlaceOfASessionsGroups_IsReplacedByTheNextChangeAndTheNodeTold()
    {
        var (keys, session) = await SaveAsync("n1", "good");
        Assert.True(await Store.RenewLeaseAsync(Info("n1"), Lease, Cancellation));
        await ReplaceAsync(keys.GroupsOf(Hub, session.ConnectionId));
        SessionChange[] joined = [new(SessionChangeKind.GroupAdded, Hub, session.ConnectionId, "blue", _ => session, "")];

        await Assert.ThrowsAsync<SessionStoreUnavailableException>(async () => await Store.CommitAsync("n1", joined, Cancellation));
        await Store.CommitAsync("n1", joined, Cancellation);

        Assert.False(await Store.RenewLeaseAsync(Info("n1"), Lease, Cancellation));
        Assert.Equal(["blue"], (await Store.FindAsync(Hub, session.ConnectionId, Cancellation))!.Groups);
        await Store.RemoveNodeAsync("n1", Cancellation);
        Assert.Empty(await KeysAsync());
    }

    [Fact]
    public async Task Commit_GroupsOfASessionThatIsMissing_LeavesNoKey()
    {
        var (keys, session) = await SaveAsync("n1", "good");
        await Store.CommitAsync("n1", [new() { Kind = SessionChangeKind.Ended, Session = session }], Cancellation);

        await Store.CommitAsync("n1", [new(SessionChangeKind.GroupAdded, Hub, session.ConnectionId, "blue", _ => session, "")], Cancellation);

        string[] expected = [keys.Hubs!, keys.Lease!, RedisSessionKeys.Nodes(_prefix)!, HubKeys.Leases!, HubKeys.Numbers!];
        Assert.Equal(expected.Order(StringComparer.Ordinal), await KeysAsync());
    }

    [Fact]
    public async Task Commit_OneGroupMore_NeedsNothingOfTheOthers()
    {
        string[] groups = [.. Enumerable.Range(0, 5_000).Select(static i => $"g{i}")];
        var (_, session) = await SaveAsync("n1", "good", groups: groups);

        await Store.CommitAsync(
            "n1", [new(SessionChangeKind.GroupAdded, Hub, session.ConnectionId, "more", static _ => throw new InvalidOperationException("It is not needed."), "")], Cancellation);

        var found = await Store.FindAsync(Hub, session.ConnectionId, Cancellation);
        Assert.Equal([.. groups.Append("more").Order(StringComparer.Ordinal)], found!.Groups.Order(StringComparer.Ordinal));
        Assert.Equal(session.ConnectionId, Assert.Single(await ListAsync(SessionQuery.ForGroup(Hub, "more"))).ConnectionId);
    }

    [Fact]
    public async Task Commit_ManyChangesOfOneSession_AreWrittenTogether()
    {
        var (keys, session) = await SaveAsync("n1", "good");
        var changes = new List<SessionChange>();
        for (var i = 0; i < 10_000; i++)
        {
            // Each group is joined, left and joined again; all but the last is of no interest.
            changes.Add(Change(SessionChangeKind.GroupAdded, i));
            changes.Add(Change(SessionChangeKind.GroupRemoved, i));
            changes.Add(Change(i % 10 == 0 ? SessionChangeKind.GroupRemoved : SessionChangeKind.GroupAdded, i));
        }

        Assert.Equal(40, RedisApplyCall.From(keys, RedisSessionUpdate.From(changes)).Count()); // of 256 groups each
        await Store.CommitAsync("n1", changes, Cancellation);

        Assert.Equal(9_001, (await Store.FindAsync(Hub, session.ConnectionId, Cancellation))!.Groups.Count); // and the one it had
        Assert.Equal(0, await Store.CountAsync(SessionQuery.ForGroup(Hub, "g10"), Cancellation));
        Assert.Equal(1, await Store.CountAsync(SessionQuery.ForGroup(Hub, "g11"), Cancellation));

        SessionChange Change(SessionChangeKind kind, int group) => new(kind, Hub, session.ConnectionId, $"g{group}", _ => session, "");
    }

    [Fact]
    public async Task ClaimExpired_EverythingTaken_LeavesNoKey()
    {
        for (var i = 0; i < 300; i++)
        {
            await SaveAsync("n1", $"c{i}", $"user{i}", [$"g{i % 3}", "all"]);
        }

        await Database.KeyDeleteAsync(new RedisSessionKeys(_prefix, "n1").Lease);

        Assert.Equal(300, (await ClaimAllAsync()).Count);
        Assert.Empty(await KeysAsync());
    }

    [Fact]
    public async Task ClaimExpired_LostNodeWithoutSessions_IsForgotten()
    {
        await Store.RenewLeaseAsync(Info("n1"), Lease, Cancellation);
        await Database.KeyDeleteAsync(new RedisSessionKeys(_prefix, "n1").Lease);

        Assert.Empty(await ClaimAllAsync());

        Assert.Empty(await KeysAsync());
    }

    [Fact]
    public async Task ClaimExpired_NodeTakesItsLeaseInBetween_KeepsItsSessions()
    {
        var (keys, session) = await SaveAsync("n1", "good");
        await Database.KeyDeleteAsync(keys.Lease);
        await Store.RenewLeaseAsync(Info("n1"), Lease, Cancellation);

        // What a claimant does that read the list of nodes before: the script itself checks the lease.
        var record = await Database.ScriptEvaluateAsync(
            RedisSessionScripts.Claim, [keys.Lease, keys.Sessions(Hub), keys.Users(Hub), keys.Groups(Hub), keys.GroupsOf(Hub, session.ConnectionId)], [session.ConnectionId]);

        Assert.True(record.IsNull);
        Assert.NotNull(await Store.FindAsync(Hub, session.ConnectionId, Cancellation));
    }

    [Fact]
    public async Task RemoveNode_WithSessionsInSeveralHubs_LeavesNoKey()
    {
        for (var i = 0; i < 300; i++)
        {
            await SaveAsync("n1", $"c{i}", $"user{i}", [$"g{i}"], $"hub{i % 3}");
        }

        await Store.RemoveNodeAsync("n1", Cancellation);

        Assert.Empty(await KeysAsync());
    }

    [Fact]
    public async Task Commit_SessionsEnded_LeavesOnlyTheNode()
    {
        var (keys, session) = await SaveAsync("n1", "good");

        await Store.CommitAsync("n1", [new() { Kind = SessionChangeKind.Ended, Session = session }], Cancellation);

        string[] expected = [keys.Hubs!, keys.Lease!, RedisSessionKeys.Nodes(_prefix)!, HubKeys.Leases!, HubKeys.Numbers!];
        Assert.Equal(expected.Order(StringComparer.Ordinal), await KeysAsync());
    }

    [Fact]
    public async Task RenewLease_Always_ExpiresByItself()
    {
        var (keys, _) = await SaveAsync("n1", "good");

        Assert.InRange((await Database.KeyTimeToLiveAsync(keys.Lease))!.Value, TimeSpan.Zero, Lease);
    }

    [Theory]
    [InlineData("a:b")]
    [InlineData("{a}")]
    [InlineData("a}")]
    [InlineData("")]
    public async Task Names_ThatCannotBePartOfAKey_AreRefused(string name)
    {
        var session = new Session { Hub = name, NodeId = "n1", ConnectionId = "n1.c1", ConnectedAt = DateTimeOffset.UnixEpoch };

        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.CommitAsync("n1", [new() { Kind = SessionChangeKind.Saved, Session = session }], Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.RenewLeaseAsync(Info(name), Lease, Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.RemoveNodeAsync(name, Cancellation));
    }

    private static NodeInfo Info(string nodeId) => new() { NodeId = nodeId, Name = "web", StartedAt = DateTimeOffset.UnixEpoch };

    private async Task<(RedisSessionKeys Keys, Session Session)> SaveAsync(
        string nodeId, string connection, string user = "alice", string[]? groups = null, string hub = Hub)
    {
        var session = new Session
        {
            Hub = hub, NodeId = nodeId, ConnectionId = $"{nodeId}.{connection}", UserId = user, Groups = groups ?? ["red"], ConnectedAt = DateTimeOffset.UnixEpoch,
        };
        await Store.RenewLeaseAsync(Info(nodeId), Lease, Cancellation);
        await Store.CommitAsync(nodeId, [new() { Kind = SessionChangeKind.Saved, Session = session }], Cancellation);
        return (new RedisSessionKeys(_prefix, nodeId), session);
    }

    /// <summary>Writes a record that is listed everywhere a good one would be.</summary>
    private async Task PlantAsync(RedisSessionKeys keys, string connectionId, string record)
    {
        await Database.HashSetAsync(keys.Sessions(Hub), connectionId, Encoding.Latin1.GetBytes(record));
        await Database.SortedSetAddAsync(keys.User(Hub, "alice"), connectionId, 0);
        await Database.SortedSetAddAsync(keys.Group(Hub, "red"), connectionId, 0);
        await Database.SortedSetAddAsync(keys.Connections(Hub), connectionId, 0);
    }

    private RedisKey KeyOf(RedisSessionKeys keys, string which) => which switch
    {
        "lease" => keys.Lease,
        "hubs" => keys.Hubs,
        "sessions" => keys.Sessions(Hub),
        "users" => keys.Users(Hub),
        "groups" => keys.Groups(Hub),
        "user" => keys.User(Hub, "alice"),
        "connections" => keys.Connections(Hub),
        "leases" => HubKeys.Leases,
        "numbers" => HubKeys.Numbers,
        "sizes" => HubKeys.Sizes,
        "names" => HubKeys.Names,
        "share" => HubKeys.ShareOf(keys.NodeId),
        _ => keys.Group(Hub, "red"),
    };

    /// <summary>Puts something else in the place of a key: a list, which none of ours is.</summary>
    private async Task ReplaceAsync(RedisKey key)
    {
        Assert.True(await Database.KeyDeleteAsync(key));
        await Database.ListRightPushAsync(key, "rubbish");
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

    private async Task<List<Session>> ClaimAllAsync()
    {
        var claimed = new List<Session>();
        while (await Store.ClaimExpiredAsync("claimant", 100, Cancellation).WithinGuardAsync() is { Count: > 0 } portion)
        {
            claimed.AddRange(portion);
        }

        return claimed;
    }

    private async Task<string[]> KeysAsync()
    {
        var keys = new List<string>();
        await foreach (var key in _multiplexer!.GetServers()[0].KeysAsync(pattern: $"*{_prefix}*"))
        {
            keys.Add(key!);
        }

        return [.. keys.Order(StringComparer.Ordinal)];
    }
}

public sealed class RedisSessionStoreContentOnRedisTests(RedisServer server) : RedisSessionStoreContentTests(server);

public sealed class RedisSessionStoreContentOnGarnetTests(GarnetServer server) : RedisSessionStoreContentTests(server);
