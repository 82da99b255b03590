using DistributedSockets.TestServers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.DependencyInjection;

public sealed class RedisRegistrationTests(RedisFixture redis) : IClassFixture<RedisFixture>
{
    private const string Secret = "s3cr3t-p4ssw0rd";

    [Fact]
    public async Task UseRedis_ConnectionString_IsBackplaneMessageLogAndSessionStore()
    {
        await using var services = Build(builder => builder.UseRedis("one:1"));

        Assert.IsType<RedisBackplane>(services.GetRequiredService<IBackplane>());
        Assert.IsType<RedisMessageLog>(services.GetRequiredService<IMessageLog>());
        Assert.IsType<RedisSessionStore>(services.GetRequiredService<ISessionStore>());
        Assert.Equal("one:1", BackplaneOptions(services).ConnectionString);
        Assert.Equal("one:1", MessageLogOptions(services).ConnectionString);
        Assert.Equal("one:1", SessionStoreOptions(services).ConnectionString);
    }

    [Fact]
    public async Task UseRedis_Twice_RegistersOnceAndTheLastCallWins()
    {
        await using var services = Build(builder => builder.UseRedis("one:1").UseRedis("two:2"));

        Assert.Single(services.GetServices<IBackplane>());
        Assert.Single(services.GetServices<IMessageLog>());
        Assert.Single(services.GetServices<ISessionStore>());
        Assert.Single(services.GetServices<IValidateOptions<RedisBackplaneOptions>>());
        Assert.Single(services.GetServices<IValidateOptions<RedisSessionStoreOptions>>());
        Assert.Equal("two:2", BackplaneOptions(services).ConnectionString);
        Assert.Equal("two:2", MessageLogOptions(services).ConnectionString);
        Assert.Equal("two:2", SessionStoreOptions(services).ConnectionString);
    }

    [Fact]
    public async Task UseRedisMessageLog_OptionsAfterUseRedis_KeepTheConnection()
    {
        await using var services = Build(builder => builder.UseRedis("one:1").UseRedisMessageLog(static options => options.ReplicasToWaitFor = 1));

        Assert.Equal(("one:1", 1), (MessageLogOptions(services).ConnectionString, MessageLogOptions(services).ReplicasToWaitFor));
    }

    [Fact]
    public async Task UseRedisMessageLog_Alone_IsTheMessageLogOnly()
    {
        await using var services = Build(builder => builder.UseRedisMessageLog("one:1"));

        Assert.IsType<RedisMessageLog>(services.GetRequiredService<IMessageLog>());
        Assert.Null(services.GetService<IBackplane>());
        Assert.Null(services.GetService<ISessionStore>());
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(17)]
    public async Task UseRedisMessageLog_ReplicasOutOfRange_IsRefused(int replicas)
    {
        await using var services = Build(builder => builder.UseRedisMessageLog(options => (options.ConnectionString, options.ReplicasToWaitFor) = ("one:1", replicas)));

        Assert.Contains($"ReplicasToWaitFor is {replicas}", Assert.Throws<OptionsValidationException>(() => MessageLogOptions(services)).Message);
    }

    [Fact]
    public async Task UseRedis_OtherKindOfConnectionLater_ReplacesTheEarlier()
    {
        await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(redis.EndPoint);
        await using var services = Build(builder => builder.UseRedis("one:1").UseRedis(multiplexer));

        Assert.Null(BackplaneOptions(services).ConnectionString);
        Assert.Same(multiplexer, BackplaneOptions(services).ConnectionMultiplexer);
        Assert.Same(multiplexer, SessionStoreOptions(services).ConnectionMultiplexer);
        Assert.Empty(await services.GetRequiredService<ISessionStore>().ListNodesAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task UseRedis_ConnectionStringAfterConfiguration_Replaces()
    {
        await using var services = Build(builder => builder
            .UseRedis(options => options.Configuration = ConfigurationOptions.Parse("one:1"))
            .UseRedis("two:2"));

        Assert.Null(BackplaneOptions(services).Configuration);
        Assert.Equal("two:2", SessionStoreOptions(services).ConnectionString);
    }

    [Fact]
    public async Task UseRedis_CallbackWithoutConnection_KeepsTheEarlierOne()
    {
        await using var services = Build(builder => builder.UseRedis("one:1").UseRedis(options => options.OperationTimeout = TimeSpan.FromSeconds(7)));

        Assert.Equal("one:1", BackplaneOptions(services).ConnectionString);
        Assert.Equal(TimeSpan.FromSeconds(7), BackplaneOptions(services).OperationTimeout);
        Assert.Equal("one:1", SessionStoreOptions(services).ConnectionString);
        Assert.Equal(TimeSpan.FromSeconds(7), SessionStoreOptions(services).OperationTimeout);
    }

    [Fact]
    public async Task UseRedisBackplane_Alone_LeavesTheSessionStore()
    {
        await using var services = Build(builder => builder.UseRedisBackplane("one:1"));

        Assert.IsType<RedisBackplane>(services.GetRequiredService<IBackplane>());
        Assert.Null(services.GetService<ISessionStore>());
    }

    [Fact]
    public async Task UseRedisSessionStore_Alone_LeavesTheBackplane()
    {
        await using var services = Build(builder => builder.UseRedisSessionStore("one:1"));

        Assert.IsType<RedisSessionStore>(services.GetRequiredService<ISessionStore>());
        Assert.Null(services.GetService<IBackplane>());
    }

    [Fact]
    public async Task UseRedis_DifferentServers_EachHasItsOwn()
    {
        await using var services = Build(builder => builder.UseRedisBackplane("one:1").UseRedisSessionStore("two:2"));

        Assert.Equal("one:1", BackplaneOptions(services).ConnectionString);
        Assert.Equal("two:2", SessionStoreOptions(services).ConnectionString);
    }

    [Fact]
    public async Task UseBackplane_AfterUseRedis_Wins()
    {
        await using var services = Build(builder => builder.UseRedis("one:1").UseBackplane<OtherBackplane>());

        Assert.IsType<OtherBackplane>(services.GetRequiredService<IBackplane>());
        Assert.Single(services.GetServices<IBackplane>());
    }

    [Fact]
    public async Task UseRedis_AfterUseBackplane_Wins()
    {
        await using var services = Build(builder => builder.UseBackplane<OtherBackplane>().UseRedis("one:1"));

        Assert.IsType<RedisBackplane>(services.GetRequiredService<IBackplane>());
        Assert.Single(services.GetServices<IBackplane>());
    }

    [Fact]
    public void UseRedis_ArgumentMissing_Throws()
    {
        var builder = new Builder(new ServiceCollection());

        Assert.ThrowsAny<ArgumentException>(() => builder.UseRedis(""));
        Assert.ThrowsAny<ArgumentException>(() => builder.UseRedisBackplane(""));
        Assert.ThrowsAny<ArgumentException>(() => builder.UseRedisSessionStore(""));
        Assert.Throws<ArgumentNullException>(() => builder.UseRedis((string)null!));
        Assert.Throws<ArgumentNullException>(() => builder.UseRedis((Action<RedisOptions>)null!));
        Assert.Throws<ArgumentNullException>(() => builder.UseRedis((IEnumerable<string>)null!));
        Assert.Throws<ArgumentNullException>(() => builder.UseRedisBackplane((IEnumerable<string>)null!));
        Assert.Throws<ArgumentException>(() => builder.UseRedis([]));
        Assert.Throws<ArgumentException>(() => builder.UseRedisBackplane([]));
        Assert.Throws<ArgumentNullException>(() => builder.UseRedis((IConnectionMultiplexer)null!));
        Assert.Throws<ArgumentNullException>(() => ((IDistributedWebSocketsBuilder)null!).UseRedis("one:1"));
    }

    [Theory]
    [InlineData(100)]
    [InlineData(60_000)]
    public async Task Start_OperationTimeoutJustInside_Starts(int milliseconds)
    {
        using var host = Host(builder => builder.UseRedis(options =>
        {
            options.ConnectionString = redis.EndPoint;
            options.OperationTimeout = TimeSpan.FromMilliseconds(milliseconds);
        }));

        await host.StartAsync(TestContext.Current.CancellationToken);
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData(1_048_576, true)]
    [InlineData(int.MaxValue, true)]
    [InlineData(1_048_575, false)]
    [InlineData(-1, false)]
    public async Task Start_MaxPendingBytes_IsTakenOrRefusedNamingItAndItsValue(int bytes, bool isTaken)
    {
        if (isTaken)
        {
            using var host = Host(builder => builder.UseRedisBackplane(options => (options.ConnectionString, options.MaxPendingBytes) = (redis.EndPoint, bytes)));
            await host.StartAsync(TestContext.Current.CancellationToken);
            await host.StopAsync(TestContext.Current.CancellationToken);
            return;
        }

        var message = await RefusalAsync(
            builder => builder.UseRedisBackplane(options => (options.ConnectionString, options.MaxPendingBytes) = (redis.EndPoint, bytes)));
        Assert.Contains($"RedisBackplaneOptions.MaxPendingBytes is {bytes}", message);
    }

    [Theory]
    [InlineData(99)]
    [InlineData(60_001)]
    [InlineData(0)]
    [InlineData(-1)]
    public async Task Start_OperationTimeoutJustOutside_FailsNamingOptionAndValue(int milliseconds)
    {
        var timeout = TimeSpan.FromMilliseconds(milliseconds);

        var message = await RefusalAsync(builder => builder.UseRedis(options =>
        {
            options.ConnectionString = $"{redis.EndPoint},password={Secret}";
            options.OperationTimeout = timeout;
        }));

        Assert.Contains($"RedisBackplaneOptions.OperationTimeout is {timeout}", message);
        Assert.Contains($"RedisSessionStoreOptions.OperationTimeout is {timeout}", message);
        Assert.DoesNotContain(Secret, message);
    }

    [Fact]
    public async Task Start_NoConnection_FailsSayingWhatToSet()
    {
        var message = await RefusalAsync(builder => builder.UseRedis(_ => { }));

        Assert.Contains("RedisBackplaneOptions has no connection", message);
        Assert.Contains("ConnectionString", message);
    }

    [Fact]
    public async Task Start_TwoConnectionsInOneCall_Fails()
    {
        var message = await RefusalAsync(builder => builder.UseRedis(options =>
        {
            options.ConnectionString = $"{redis.EndPoint},password={Secret}";
            options.Configuration = ConfigurationOptions.Parse(redis.EndPoint);
        }));

        Assert.Contains("RedisBackplaneOptions has 2 connections", message);
        Assert.DoesNotContain(Secret, message);
    }

    [Theory]
    [InlineData("  ")]
    [InlineData("password=" + Secret)]
    [InlineData("host:1,password=" + Secret + ",noSuchOption=1")]
    [InlineData("host:1,connectTimeout=" + Secret)]
    [InlineData("host:1,protocol=" + Secret)]
    [InlineData("host:1,ssl=" + Secret)]
    [InlineData("not a host:6379,password=hunter2")]
    [InlineData("redis://:" + Secret + "@host:6379")]
    [InlineData("host:1,tunnel=" + Secret + ":http:x")]
    [InlineData("host:1,password=first," + Secret)] // a comma in a password makes an address of the rest
    [InlineData("host:1,user=a, Password = first, " + Secret + ",ssl=true")]
    public async Task Start_ConnectionStringUnusable_FailsWithoutRepeatingIt(string connectionString)
    {
        var message = await RefusalAsync(builder => builder.UseRedis(connectionString));

        Assert.Contains("RedisBackplaneOptions.ConnectionString", message);
        Assert.DoesNotContain(Secret, message);
    }

    [Fact]
    public async Task Start_ConfigurationWithoutEndPoint_Fails()
    {
        var message = await RefusalAsync(builder => builder.UseRedis(options => options.Configuration = new ConfigurationOptions { Password = Secret }));

        Assert.Contains("RedisBackplaneOptions.Configuration names no server", message);
        Assert.DoesNotContain(Secret, message);
    }

    [Fact]
    public async Task Configuration_OfTheApp_IsCopiedNotChanged()
    {
        var configuration = ConfigurationOptions.Parse("one:1,abortConnect=true");
        await using var services = Build(builder => builder.UseRedis(options => options.Configuration = configuration));

        services.GetRequiredService<IBackplane>();

        Assert.True(configuration.AbortOnConnectFail);
        Assert.NotEqual(BacklogPolicy.FailFast, configuration.BacklogPolicy);
    }

    private static RedisBackplaneOptions BackplaneOptions(IServiceProvider services) => services.GetRequiredService<IOptions<RedisBackplaneOptions>>().Value;

    private static RedisMessageLogOptions MessageLogOptions(IServiceProvider services) =>
        services.GetRequiredService<IOptions<RedisMessageLogOptions>>().Value;

    private static RedisSessionStoreOptions SessionStoreOptions(IServiceProvider services) =>
        services.GetRequiredService<IOptions<RedisSessionStoreOptions>>().Value;

    private static ServiceProvider Build(Action<IDistributedWebSocketsBuilder> configure)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        configure(new Builder(services));
        return services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
    }

    private static IHost Host(Action<IDistributedWebSocketsBuilder> configure)
    {
        var host = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        configure(new Builder(host.Services));
        return host.Build();
    }

    private static async Task<string> RefusalAsync(Action<IDistributedWebSocketsBuilder> configure)
    {
        using var host = Host(configure);
        var refusal = await Assert.ThrowsAnyAsync<Exception>(() => host.StartAsync(TestContext.Current.CancellationToken));
        Exception[] refusals = refusal is AggregateException aggregate ? [.. aggregate.InnerExceptions] : [refusal];
        Assert.All(refusals, inner => Assert.IsType<OptionsValidationException>(inner));
        return string.Join(Environment.NewLine, refusals.Select(inner => inner.ToString()));
    }

    private sealed class Builder(IServiceCollection services) : IDistributedWebSocketsBuilder
    {
        public IServiceCollection Services { get; } = services;
    }

    private sealed class OtherBackplane : IBackplane
    {
        public string System => "other";

        public ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

        public ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default) => new(PublishResult.Taken);

        public ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

        public ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
