using System.Net;

namespace DistributedSockets.Redis.Tests.Clusters;

public sealed class RedisPlacementTests : IAsyncLifetime
{
    private static readonly BackplaneRefusedException s_cause = new("The permission was taken away.");

    private readonly RedisShardedBackplane _owner = RedisFactory.ShardedBackplane("127.0.0.1:1");
    private readonly RedisPlacement _placement = new(slot: 1);
    private readonly RedisShard _shard;
    private readonly RedisShard _other;

    public RedisPlacementTests() => (_shard, _other) = (Create(1), Create(2));

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _shard.DisposeAsync();
        await _other.DisposeAsync();
        await _owner.DisposeAsync();
    }

    [Fact]
    public void Refuse_WhereItIsSubscribed_IsForTheCallerToTell()
    {
        _placement.Begin(_shard);
        _placement.Complete();

        Assert.Same(_shard, _placement.Shard);
        Assert.True(_placement.Refuse(_shard, s_cause));
        Assert.False(_placement.Refuse(_other, s_cause));
    }

    [Fact]
    public void Refuse_BetweenConfirmationAndCompletion_IsToldByTheCompletion()
    {
        _placement.Begin(_shard);

        Assert.False(_placement.Refuse(_shard, s_cause));

        Assert.Same(s_cause, Assert.Throws<BackplaneRefusedException>(_placement.Complete));
        Assert.Null(_placement.Shard);
    }

    [Fact]
    public void Refuse_ByAnotherPrimaryThanTheOneBegunAt_IsOfNoInterest()
    {
        _placement.Begin(_shard);

        Assert.False(_placement.Refuse(_other, s_cause));
        _placement.Complete();

        Assert.Same(_shard, _placement.Shard);
    }

    [Fact]
    public void Begin_AfterARefusal_StartsAnew()
    {
        _placement.Begin(_shard);
        _placement.Refuse(_shard, s_cause);
        Assert.Throws<BackplaneRefusedException>(_placement.Complete);

        _placement.Begin(_shard);
        _placement.Complete();

        Assert.Same(_shard, _placement.Shard);
    }

    private RedisShard Create(int port) => new(_owner, new IPEndPoint(IPAddress.Loopback, port), RedisFactory.Backplane($"127.0.0.1:{port}"), "probe");
}
