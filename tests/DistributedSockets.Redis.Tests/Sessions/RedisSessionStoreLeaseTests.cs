using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Sessions;

/// <summary>A node whose lease Redis has forgotten, and which does not know it yet.</summary>
public sealed class RedisSessionStoreLeaseTests(RedisServer redis) : IAsyncLifetime
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(10);

    private readonly string _prefix = $"lease-{Guid.NewGuid():N}";
    private readonly NodeInfo _node = new() { NodeId = $"n{Guid.NewGuid():N}", Name = "web", StartedAt = DateTimeOffset.UnixEpoch };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        redis.SkipUnlessAvailable();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Commit_LeaseForgotten_NobodyClaimsItAndTheRenewalTells()
    {
        await using var store = RedisFactory.SessionStore(redis.EndPoint, _prefix);
        await using var other = RedisFactory.SessionStore(redis.EndPoint, _prefix);
        await store.RenewLeaseAsync(_node, Lease, Cancellation);
        var keys = new RedisSessionKeys(_prefix, _node.NodeId);
        Assert.StartsWith(":2", await redis.CommandAsync("DEL", keys.Lease.ToString(), RedisSessionKeys.Nodes(_prefix).ToString()), StringComparison.Ordinal);
        var session = new Session { Hub = "chat", NodeId = _node.NodeId, ConnectionId = $"{_node.NodeId}.1", UserId = "alice", ConnectedAt = DateTimeOffset.UnixEpoch };

        await store.CommitAsync(_node.NodeId, [new(SessionChangeKind.Saved, session)], Cancellation);

        Assert.Empty(await other.ClaimExpiredAsync("other", 10, Cancellation));
        Assert.True(await other.IsOnlineAsync("chat", "alice", Cancellation));
        Assert.False(await store.RenewLeaseAsync(_node, Lease, Cancellation));
        Assert.True(await store.RenewLeaseAsync(_node, Lease, Cancellation));
    }
}
