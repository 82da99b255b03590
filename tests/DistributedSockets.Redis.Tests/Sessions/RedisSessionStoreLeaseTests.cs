using DistributedSockets.Testing;
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
    public async Task Renew_CommittedSinceRedisForgotTheLastCommit_TellsAllTheSame()
    {
        await using var store = RedisFactory.SessionStore(redis.EndPoint, _prefix);
        await store.RenewLeaseAsync(_node, Lease, Cancellation);
        await store.CommitAsync(_node.NodeId, [Saved("alice")], Cancellation);
        var lease = new RedisSessionKeys(_prefix, _node.NodeId).Lease.ToString();
        var older = (await redis.CommandAsync("GET", lease)).Split("\r\n")[1];
        await store.CommitAsync(_node.NodeId, [Saved("bob")], Cancellation);
        Assert.StartsWith("+OK", await redis.CommandAsync("SET", lease, older, "KEEPTTL"), StringComparison.Ordinal);

        await store.CommitAsync(_node.NodeId, [Saved("carol")], Cancellation);

        Assert.Equal("0", (await redis.CommandAsync("GET", lease)).Split("\r\n")[1]);
        Assert.False(await store.RenewLeaseAsync(_node, Lease, Cancellation));
        Assert.True(await store.RenewLeaseAsync(_node, Lease, Cancellation));
        await store.CommitAsync(_node.NodeId, [Saved("dave")], Cancellation);
        Assert.True(await store.RenewLeaseAsync(_node, Lease, Cancellation));
    }

    [Fact]
    public async Task Renew_AnswerThatTellsOfALossIsLost_TheNextOneTells()
    {
        await using var store = RedisFactory.SessionStore(redis.EndPoint, _prefix);
        await store.RenewLeaseAsync(_node, Lease, Cancellation);
        await store.CommitAsync(_node.NodeId, [Saved("alice")], Cancellation);
        var lease = new RedisSessionKeys(_prefix, _node.NodeId).Lease.ToString();
        Assert.StartsWith("+OK", await redis.CommandAsync("SET", lease, "1", "KEEPTTL"), StringComparison.Ordinal);

        // What the renewal asks first, but nobody reads the answer.
        Assert.StartsWith("*3\r\n:0\r\n", await redis.CommandAsync("EVAL", RedisSessionScripts.Renew, "2", lease, "none", "2", "3", "600000"), StringComparison.Ordinal);
        await store.CommitAsync(_node.NodeId, [Saved("bob")], Cancellation);

        Assert.False(await store.RenewLeaseAsync(_node, Lease, Cancellation));
        Assert.True(await store.RenewLeaseAsync(_node, Lease, Cancellation));
    }

    [Theory]
    [InlineData("9", "10", 0)]
    [InlineData("10", "9", 1)]
    [InlineData("10", "10", 1)]
    [InlineData("639000000000000001", "639000000000000002", 0)] // the same to Lua's numbers
    [InlineData("639000000000000002", "639000000000000001", 1)]
    [InlineData("1000000000000000000", "999999999999999999", 1)]
    [InlineData("0", "0", 0)]
    [InlineData("7", "0", 1)]
    [InlineData("", "0", 0)]
    [InlineData("07", "1", 0)]
    [InlineData("7 ", "1", 0)]
    [InlineData("seven", "1", 0)]
    public async Task Renew_LeaseHolds_IsHeldIfItHasReachedTheNumber(string lease, string number, int held)
    {
        var key = new RedisSessionKeys(_prefix, _node.NodeId).Lease.ToString();
        await redis.CommandAsync("SET", key, lease);

        Assert.StartsWith($"*3\r\n:{held}\r\n", await redis.CommandAsync("EVAL", RedisSessionScripts.Renew, "2", key, "none", number, "8", "600000"), StringComparison.Ordinal);

        Assert.Equal(held == 1 ? "8" : "0", (await redis.CommandAsync("GET", key)).Split("\r\n")[1]);
        Assert.DoesNotContain(":-1", await redis.CommandAsync("TTL", key), StringComparison.Ordinal);
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

    private SessionChange Saved(string user) => new()
    {
        Kind = SessionChangeKind.Saved,
        Session = new() { Hub = "chat", NodeId = _node.NodeId, ConnectionId = $"{_node.NodeId}.{user}", UserId = user, ConnectedAt = DateTimeOffset.UnixEpoch },
    };
}
