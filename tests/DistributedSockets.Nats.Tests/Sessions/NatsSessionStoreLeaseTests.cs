using DistributedSockets.Testing;
using static DistributedSockets.SessionChangeKind;

namespace DistributedSockets.Nats.Tests.Sessions;

/// <summary>A node whose lease, or what it wrote, is gone, and which does not know it yet.</summary>
public sealed class NatsSessionStoreLeaseTests(JetStreamFixture jetStream) : IAsyncLifetime
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan ShortLease = TimeSpan.FromMilliseconds(50);

    private readonly string _prefix = $"lease-{Guid.NewGuid():N}";
    private readonly NodeInfo _node = new() { NodeId = $"n{Guid.NewGuid():N}", Name = "web", StartedAt = DateTimeOffset.UnixEpoch };
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
    public async Task Claim_NodeRenewsMeanwhile_LosesNothingWrittenAfterwards()
    {
        // The node comes back, time and again, while its sessions are claimed: whatever it was told last, and wrote thereafter, must stay.
        for (var round = 0; round < 20; round++)
        {
            await LoseAsync([.. Enumerable.Range(0, 20).Select(i => SavedBy($"old{i}"))]);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            var claiming = Task.Run(
                async () =>
                {
                    while (!stop.IsCancellationRequested)
                    {
                        Assert.DoesNotContain(await Other.ClaimExpiredAsync("other", 3, Cancellation), session => session.UserId == "new");
                    }
                },
                Cancellation);

            Assert.False(await Store.RenewLeaseAsync(_node, Lease, Cancellation));
            await Store.ResetAsync(_node.NodeId, Cancellation);
            await Store.CommitAsync(_node.NodeId, [SavedBy("new", "red")], Cancellation);
            var held = await Store.RenewLeaseAsync(_node, Lease, Cancellation);
            await stop.CancelAsync();
            await claiming;

            Assert.True(held);
            Assert.True(await Store.RenewLeaseAsync(_node, Lease, Cancellation));
            Assert.Equal(1, await Other.CountAsync(SessionQuery.ForNode(_node.NodeId), Cancellation));
            Assert.Equal(1, await Other.CountAsync(SessionQuery.ForUser("chat", "new"), Cancellation));
            Assert.Equal(1, await Other.CountAsync(SessionQuery.ForGroup("chat", "red"), Cancellation));
        }
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

    private async Task LoseAsync(params SessionChange[] changes)
    {
        await Store.RenewLeaseAsync(_node, Lease, Cancellation);
        await Store.CommitAsync(_node.NodeId, changes, Cancellation);
        await Store.RenewLeaseAsync(_node, ShortLease, Cancellation);
        await Eventually.TrueAsync(async () => (await Other.ListNodesAsync(Cancellation)).Count == 0, "the lease has run out");
    }

    private SessionChange SavedBy(string user, params string[] groups) => new(
        Saved,
        new Session
        {
            Hub = "chat", NodeId = _node.NodeId, ConnectionId = $"{_node.NodeId}.{user}", UserId = user, Groups = groups, ConnectedAt = DateTimeOffset.UnixEpoch,
        });
}
