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

        await store.CommitAsync(_node.NodeId, [Saved("alice")], Cancellation);

        Assert.Empty(await other.ClaimExpiredAsync("other", 10, Cancellation));
        Assert.True(await other.IsOnlineAsync("chat", "alice", Cancellation));
        Assert.False(await store.RenewLeaseAsync(_node, Lease, Cancellation));
        Assert.True(await store.RenewLeaseAsync(_node, Lease, Cancellation));
    }

    [Fact]
    public async Task Renew_RedisForgotTheLastCommit_Tells()
    {
        await using var store = RedisFactory.SessionStore(redis.EndPoint, _prefix);
        await store.RenewLeaseAsync(_node, Lease, Cancellation);
        await store.CommitAsync(_node.NodeId, [Saved("alice")], Cancellation);
        Assert.True(await store.RenewLeaseAsync(_node, Lease, Cancellation));
        var lease = new RedisSessionKeys(_prefix, _node.NodeId).Lease.ToString();
        var older = (await redis.CommandAsync("GET", lease)).Split("\r\n")[1];
        await store.CommitAsync(_node.NodeId, [.. Enumerable.Range(0, 100).Select(i => Saved($"user{i}"))], Cancellation);
        Assert.NotEqual(older, (await redis.CommandAsync("GET", lease)).Split("\r\n")[1]);
        Assert.DoesNotContain(":-1", await redis.CommandAsync("TTL", lease), StringComparison.Ordinal); // it still expires

        // As after a restart from an older copy.
        Assert.StartsWith("+OK", await redis.CommandAsync("SET", lease, older, "KEEPTTL"), StringComparison.Ordinal);

        Assert.False(await store.RenewLeaseAsync(_node, Lease, Cancellation));
        Assert.True(await store.RenewLeaseAsync(_node, Lease, Cancellation));
        await store.CommitAsync(_node.NodeId, [Saved("bob")], Cancellation);
        Assert.True(await store.RenewLeaseAsync(_node, Lease, Cancellation));
    }

    private SessionChange Saved(string user) => new(
        SessionChangeKind.Saved,
        new Session { Hub = "chat", NodeId = _node.NodeId, ConnectionId = $"{_node.NodeId}.{user}", UserId = user, ConnectedAt = DateTimeOffset.UnixEpoch });
}
