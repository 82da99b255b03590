using DistributedSockets.Testing;
using NATS.Client.Core;
using static DistributedSockets.SessionChangeKind;

namespace DistributedSockets.Nats.Tests.Sessions;

/// <summary>A node whose lease, or what it wrote, is gone, and which does not know it yet.</summary>
public sealed class NatsSessionStoreLeaseTests(JetStreamFixture jetStream) : IAsyncLifetime
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan ShortLease = TimeSpan.FromMilliseconds(50);

    private readonly string _prefix = $"lease-{Guid.NewGuid():N}";
    private readonly NodeInfo _node = new() { NodeId = $"n{Guid.NewGuid():N}", Name = "web", StartedAt = DateTimeOffset.UnixEpoch };
    private readonly List<INatsConnection> _pausing = [];
    private NatsSessionStore? _store;
    private NatsSessionStore? _other;
    private Bucket? _bucket;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private NatsSessionStore Store => _store!;

    private NatsSessionStore Other => _other!;

    public ValueTask InitializeAsync()
    {
        jetStream.Server.SkipUnlessAvailable();
        _store = NatsFactory.SessionStore(jetStream.Server.Url, _prefix);
        _other = NatsFactory.SessionStore(jetStream.Server.Url, _prefix);
        _bucket = new Bucket(jetStream.Server.Url, _prefix);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        if (_store is not null)
        {
            await _store.DisposeAsync();
            await _other!.DisposeAsync();
            await _bucket!.DisposeAsync();
            foreach (var connection in _pausing)
            {
                Assert.True(PausingConnection.IsDone(connection)); // or the test has not tested what it says
                await connection.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task Commit_LeaseForgotten_NobodyClaimsItAndTheRenewalTells()
    {
        await Store.RenewLeaseAsync(_node, Lease, Cancellation);
        await _bucket!.DeleteAsync(_bucket.NodesStream);

        await Store.CommitAsync(_node.NodeId, [SavedBy("alice")], Cancellation);

        Assert.Empty(await Other.ClaimExpiredAsync("other", 10, Cancellation));
        Assert.True(await Other.IsOnlineAsync("chat", "alice", Cancellation));
        Assert.False(await Store.RenewLeaseAsync(_node, Lease, Cancellation));
        Assert.True(await Store.RenewLeaseAsync(_node, Lease, Cancellation));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Renew_SessionsDeleted_Tells(bool commitsBetween)
    {
        await Store.RenewLeaseAsync(_node, Lease, Cancellation);
        await Store.CommitAsync(_node.NodeId, [SavedBy("alice")], Cancellation);
        await _bucket!.DeleteAsync(_bucket.SessionsStream);
        if (commitsBetween)
        {
            // More than before, so that the numbers of the new bucket have passed those of the old one.
            await Store.CommitAsync(_node.NodeId, [.. Enumerable.Range(0, 100).Select(i => SavedBy($"user{i}"))], Cancellation);
        }

        Assert.False(await Store.RenewLeaseAsync(_node, Lease, Cancellation));
        Assert.True(await Store.RenewLeaseAsync(_node, Lease, Cancellation));
        await Store.ResetAsync(_node.NodeId, Cancellation);
        await Store.CommitAsync(_node.NodeId, [SavedBy("alice")], Cancellation);
        Assert.True(await Store.RenewLeaseAsync(_node, Lease, Cancellation));
        Assert.True(await Other.IsOnlineAsync("chat", "alice", Cancellation));
    }

    [Fact]
    public async Task Claim_NodeRenewsAfterwards_IsTold()
    {
        await LoseAsync(SavedBy("alice"));

        Assert.Single(await Other.ClaimExpiredAsync("other", 1, Cancellation)); // and the node is not forgotten yet
        await Store.CommitAsync(_node.NodeId, [SavedBy("bob")], Cancellation);

        Assert.False(await Store.RenewLeaseAsync(_node, Lease, Cancellation));
        await Store.ResetAsync(_node.NodeId, Cancellation);
        await Store.CommitAsync(_node.NodeId, [SavedBy("bob")], Cancellation);
        Assert.Empty(await Other.ClaimExpiredAsync("other", 10, Cancellation));
        Assert.Equal([false, true], await Other.AreOnlineAsync("chat", ["alice", "bob"], Cancellation));
    }

    [Fact]
    public async Task Claim_NodeRenewsBeforeTheMark_KeepsAll()
    {
        await LoseAsync(SavedBy("alice"));
        var claimant = PausingClaimant(
            (subject, _) => subject == _bucket!.Keys.Lease(_node.NodeId),
            async () => Assert.False(await Store.RenewLeaseAsync(_node, Lease, Cancellation)));

        Assert.Empty(await claimant.ClaimExpiredAsync("other", 10, Cancellation));

        Assert.True(await Store.RenewLeaseAsync(_node, Lease, Cancellation));
        Assert.True(await Other.IsOnlineAsync("chat", "alice", Cancellation));
    }

    [Fact]
    public async Task Claim_NodeWritesAnewAfterTheMark_KeepsWhatItWrote()
    {
        // At each of the claimant's steps after the mark the node comes back, is told, and writes the same session anew.
        var steps = new Dictionary<string, Func<string, string, bool>>
        {
            ["list"] = (subject, payload) => subject.Contains("STREAM.INFO", StringComparison.Ordinal) && payload.Contains($"s.{_node.NodeId}", StringComparison.Ordinal),
            ["read"] = (subject, _) => subject.Contains("DIRECT.GET", StringComparison.Ordinal),
            ["take"] = (subject, _) => subject.Contains("MSG.DELETE", StringComparison.Ordinal),
            ["forget"] = (subject, payload) => subject.Contains("PURGE", StringComparison.Ordinal) && payload.Contains("u.*", StringComparison.Ordinal),
        };
        foreach (var (step, condition) in steps)
        {
            await LoseAsync(SavedBy("alice", "red"));
            var claimant = PausingClaimant(
                condition,
                async () =>
                {
                    Assert.False(await Store.RenewLeaseAsync(_node, Lease, Cancellation), step);
                    await Store.ResetAsync(_node.NodeId, Cancellation);
                    await Store.CommitAsync(_node.NodeId, [SavedBy("alice", "red")], Cancellation);
                });

            var claimed = await claimant.ClaimExpiredAsync("other", 10, Cancellation);

            Assert.Equal(step == "forget" ? 1 : 0, claimed.Count);
            Assert.True(await Store.RenewLeaseAsync(_node, Lease, Cancellation), step);
            Assert.NotNull(await Other.FindAsync("chat", $"{_node.NodeId}.alice", Cancellation));
            Assert.Equal(1, await Other.CountAsync(SessionQuery.ForUser("chat", "alice"), Cancellation));
            Assert.Equal(1, await Other.CountAsync(SessionQuery.ForGroup("chat", "red"), Cancellation));
        }
    }

    [Fact]
    public async Task Claim_OtherClaimantIsQuicker_IsNotReturned()
    {
        await LoseAsync(SavedBy("alice"));
        IReadOnlyList<Session> quicker = [];
        var claimant = PausingClaimant(
            (subject, _) => subject.Contains("MSG.DELETE", StringComparison.Ordinal),
            async () => quicker = await Other.ClaimExpiredAsync("third", 10, Cancellation));

        Assert.Empty(await claimant.ClaimExpiredAsync("other", 10, Cancellation));

        Assert.Equal("alice", Assert.Single(quicker).UserId);
    }

    [Fact]
    public async Task Forget_NodeWritesUnawareAndDies_IsClaimedAgain()
    {
        await LoseAsync(SavedBy("alice"));
        var claimant = PausingClaimant(
            (subject, payload) => subject.Contains("PURGE", StringComparison.Ordinal) && payload.Contains("u.*", StringComparison.Ordinal),
            async () => await Store.CommitAsync(_node.NodeId, [SavedBy("bob")], Cancellation));

        Assert.Equal("alice", Assert.Single(await claimant.ClaimExpiredAsync("other", 10, Cancellation)).UserId);

        Assert.Equal("bob", Assert.Single(await Other.ClaimExpiredAsync("other", 10, Cancellation)).UserId);
        Assert.Empty(await Other.ClaimExpiredAsync("other", 10, Cancellation));
        Assert.Empty(await _bucket!.KeysAsync());
    }

    [Fact]
    public async Task Mark_HoweverFresh_IsNoLease()
    {
        await Store.RenewLeaseAsync(_node, Lease, Cancellation);
        await Store.CommitAsync(_node.NodeId, [SavedBy("alice")], Cancellation);
        var mark = new NatsLeaseRecord { NodeId = _node.NodeId, Name = "web", Duration = NatsLeaseRecord.DurationOf(Lease), IsLost = true };
        await _bucket!.PutAsync(_bucket.Keys.Lease(_node.NodeId), mark.Write());

        Assert.Empty(await Other.ListNodesAsync(Cancellation));
        Assert.False(await Other.IsOnlineAsync("chat", "alice", Cancellation));
        Assert.False(await Store.RenewLeaseAsync(_node, Lease, Cancellation));
        Assert.True(await Store.RenewLeaseAsync(_node, Lease, Cancellation));
    }

    [Fact]
    public async Task Renew_AnswerLostThatSaidSo_TheNextOneTells()
    {
        await Store.RenewLeaseAsync(_node, Lease, Cancellation);
        var pausing = PausingConnection.Create(new NatsConnection(NatsOpts.Default with { Url = jetStream.Server.Url }));
        _pausing.Add(pausing);
        await using var store = NewStore(pausing);
        await store.CommitAsync(_node.NodeId, [SavedBy("alice")], Cancellation);
        await _bucket!.DeleteAsync(_bucket.SessionsStream);
        var asked = 0;
        PausingConnection.Before(
            pausing,
            (subject, payload) => subject.Contains("MSG.GET", StringComparison.Ordinal) && payload.Contains("n." + _node.NodeId, StringComparison.Ordinal) && ++asked == 2,
            () => throw new NatsException("The connection was lost."));
        await Assert.ThrowsAsync<SessionStoreUnavailableException>(async () => await store.RenewLeaseAsync(_node, Lease, Cancellation));

        Assert.False(await store.RenewLeaseAsync(_node, Lease, Cancellation));
        Assert.True(await store.RenewLeaseAsync(_node, Lease, Cancellation));
    }

    [Fact]
    public async Task Claim_WrittenAfterTheMark_IsTakenOnceTheNodeIsGoneForGood()
    {
        await LoseAsync(SavedBy("alice"));
        Assert.Single(await Other.ClaimExpiredAsync("other", 1, Cancellation));

        await Store.CommitAsync(_node.NodeId, [SavedBy("bob", "red")], Cancellation); // unaware, and then it dies

        Assert.Equal("bob", Assert.Single(await Other.ClaimExpiredAsync("other", 10, Cancellation)).UserId);
        Assert.Empty(await Other.ClaimExpiredAsync("other", 10, Cancellation));
        Assert.Empty(await _bucket!.KeysAsync());
    }

    [Fact]
    public async Task Commit_NodeNeverRenewsAndIsUnknown_IsClaimed()
    {
        await Store.CommitAsync(_node.NodeId, [SavedBy("alice", "red")], Cancellation);

        Assert.Equal("alice", Assert.Single(await Other.ClaimExpiredAsync("other", 10, Cancellation)).UserId);
        Assert.Empty(await Other.ClaimExpiredAsync("other", 10, Cancellation));
        Assert.Empty(await _bucket!.KeysAsync());
    }

    /// <summary>A store that claims, and before a certain request of its own lets something else happen.</summary>
    private NatsSessionStore PausingClaimant(Func<string, string, bool> condition, Func<Task> meanwhile)
    {
        var pausing = PausingConnection.Create(new NatsConnection(NatsOpts.Default with { Url = jetStream.Server.Url }));
        PausingConnection.Before(pausing, condition, meanwhile);
        _pausing.Add(pausing);
        return NewStore(pausing);
    }

    private NatsSessionStore NewStore(INatsConnection connection) => NatsFactory.SessionStore(
        jetStream.Server.Url, _prefix, options => (options.Url, options.Connection) = (null, connection));

    private async Task LoseAsync(params SessionChange[] changes)
    {
        await Store.RenewLeaseAsync(_node, Lease, Cancellation);
        await Store.CommitAsync(_node.NodeId, changes, Cancellation);
        await Store.RenewLeaseAsync(_node, ShortLease, Cancellation);
        await Eventually.TrueAsync(async () => (await Other.ListNodesAsync(Cancellation)).Count == 0, "the lease has run out");
    }

    private SessionChange SavedBy(string user, params string[] groups) => new()
    {
        Kind = Saved,
        Session = new()
        {
            Hub = "chat", NodeId = _node.NodeId, ConnectionId = $"{_node.NodeId}.{user}", UserId = user, Groups = groups, ConnectedAt = DateTimeOffset.UnixEpoch,
        },
    };
}
