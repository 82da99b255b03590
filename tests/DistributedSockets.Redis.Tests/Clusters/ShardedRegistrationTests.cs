using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Clusters;

public sealed class ShardedRegistrationTests
{
    [Fact]
    public async Task UseRedis_ShardedPubSub_UsesIt_AlsoAfterALaterCallThatSaysNothingOfIt()
    {
        await using var services = Build(builder => builder
            .UseRedis(options =>
            {
                options.ConnectionString = "one:1";
                options.ShardedPubSub = true;
            })
            .UseRedis(options => options.OperationTimeout = TimeSpan.FromSeconds(7)));

        Assert.IsType<RedisShardedBackplane>(services.GetRequiredService<IBackplane>());
        Assert.IsType<RedisSessionStore>(services.GetRequiredService<ISessionStore>());
        Assert.Equal(TimeSpan.FromSeconds(7), services.GetRequiredService<IOptions<RedisBackplaneOptions>>().Value.OperationTimeout);
    }

    [Fact]
    public async Task UseRedisBackplane_ShardedPubSubSwitchedOff_IsClassicPubSub()
    {
        await using var services = Build(builder => builder
            .UseRedisBackplane(options => (options.ConnectionString, options.ShardedPubSub) = ("one:1", true))
            .UseRedisBackplane(options => options.ShardedPubSub = false));

        Assert.IsType<RedisBackplane>(services.GetRequiredService<IBackplane>());
    }

    [Fact]
    public async Task Start_ShardedPubSubOverAConnectionOfTheApp_FailsSayingWhatToSet()
    {
        using var redis = ConnectionMultiplexer.Connect("127.0.0.1:1,abortConnect=false,connectTimeout=100");

        var message = await RefusalAsync(builder => builder.UseRedisBackplane(options => (options.ConnectionMultiplexer, options.ShardedPubSub) = (redis, true)));

        Assert.Contains("RedisBackplaneOptions.ShardedPubSub needs a connection to each primary", message);
    }

    [Theory]
    [InlineData("one:26379,serviceName=main")]
    [InlineData("one:26379,SERVICENAME=main")]
    public async Task Start_ShardedPubSubBehindSentinels_Fails(string connectionString)
    {
        var message = await RefusalAsync(builder => builder.UseRedisBackplane(options => (options.ConnectionString, options.ShardedPubSub) = (connectionString, true)));

        Assert.Contains("RedisBackplaneOptions.ShardedPubSub needs a Redis Cluster, which has no sentinels", message);
    }

    private static ServiceProvider Build(Action<IDistributedWebSocketsBuilder> configure)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        configure(new Builder(services));
        return services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
    }

    private static async Task<string> RefusalAsync(Action<IDistributedWebSocketsBuilder> configure)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        configure(new Builder(builder.Services));
        using var host = builder.Build();
        return (await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(TestContext.Current.CancellationToken))).Message;
    }

    private sealed class Builder(IServiceCollection services) : IDistributedWebSocketsBuilder
    {
        public IServiceCollection Services { get; } = services;
    }
}
