using DistributedSockets.TestServers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace DistributedSockets.Redis.Tests.Hosts;

public sealed class SyncDisposalTests(RedisServer redis)
{
    private readonly string _prefix = $"disposal-{Guid.NewGuid():N}";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Provider_OfAStartedNode_DisposedSynchronously_SignsOffAndCanBeDisposedTwice()
    {
        using var watcher = Build();
        var store = watcher.GetRequiredService<ISessionStore>();
        var provider = Build();
        var node = provider.GetServices<IHostedService>().OfType<IHostedLifecycleService>().Single();
        await node.StartingAsync(Cancellation).WaitAsync(Testing.Eventually.Guard, Cancellation);
        await provider.GetRequiredService<IWebSocketRouter>().SendToAllAsync("hello", Cancellation);
        Assert.Single(await store.ListNodesAsync(Cancellation));

        provider.Dispose();
        provider.Dispose();

        Assert.Empty(await store.ListNodesAsync(Cancellation));
    }

    private ServiceProvider Build()
    {
        var services = new ServiceCollection();
        services.AddDistributedWebSockets().ConfigureCluster(cluster => cluster.Prefix = _prefix).UseRedis(redis.EndPoint);
        return services.BuildServiceProvider();
    }
}
