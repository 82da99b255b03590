using DistributedSockets.TestServers;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.WebPubSub.Tests;

/// <summary>The cluster over a Redis server.</summary>
public sealed class RedisRestCluster : RestCluster
{
    private readonly RedisServer _redis = new();

    public override async ValueTask InitializeAsync()
    {
        await _redis.StartAsync();
        await base.InitializeAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _redis.DisposeAsync();
    }

    private protected override void UseTransport(IDistributedWebSocketsBuilder builder) => builder.UseRedis(_redis.EndPoint);
}
