using DistributedSockets.TestServers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.DependencyInjection;

/// <summary>Several servers given to the builder.</summary>
public sealed class RedisServersRegistrationTests(RedisFixture redis) : IClassFixture<RedisFixture>
{
    private const string Secret = "s3cr3t-p4ssw0rd";

    [Fact]
    public async Task UseRedis_Several_SpreadsChannelsAndStoresSessionsInTheFirstByName()
    {
        await using var services = Build(builder => builder.UseRedis(["two:2", "One:1", "three:3"]));

        Assert.IsType<RedisServersBackplane>(services.GetRequiredService<IBackplane>());
        Assert.IsType<RedisSessionStore>(services.GetRequiredService<ISessionStore>());
        Assert.Equal(["two:2", "One:1", "three:3"], Backplane(services).Servers.Select(static server => server.ConnectionString));
        Assert.Equal("One:1", SessionStore(services).ConnectionString);
    }

    [Fact]
    public async Task UseRedis_SeveralNamed_StoresSessionsInTheFirstByName()
    {
        var green = new ConfigurationOptions { EndPoints = { "a:1" } };
        await using var services = Build(builder => builder.UseRedis(options =>
        {
            options.Servers.Add(new() { Name = "green", Configuration = green });
            options.Servers.Add(new() { Name = "blue", ConnectionString = "b:2" });
            options.OperationTimeout = TimeSpan.FromSeconds(7);
        }));

        Assert.Equal("b:2", SessionStore(services).ConnectionString);
        Assert.Null(SessionStore(services).Configuration);
        Assert.Equal(TimeSpan.FromSeconds(7), Backplane(services).OperationTimeout);
        Assert.Equal(TimeSpan.FromSeconds(7), Backplane(services).For(Backplane(services).Servers[0]).OperationTimeout);
        Assert.Same(green, Backplane(services).For(Backplane(services).Servers[0]).Configuration);
    }

    [Fact]
    public async Task UseRedisBackplane_Several_LeavesTheSessionStore()
    {
        await using var services = Build(builder => builder.UseRedisBackplane(["one:1", "two:2"]).UseRedisSessionStore("three:3"));

        Assert.Equal(2, Backplane(services).Servers.Count);
        Assert.Equal("three:3", SessionStore(services).ConnectionString);
    }

    [Fact]
    public async Task LaterCall_OneAfterSeveralAndSeveralAfterOne_Replaces()
    {
        await using var one = Build(builder => builder.UseRedis(["one:1", "two:2"]).UseRedis("three:3"));
        await using var several = Build(builder => builder.UseRedis("three:3").UseRedis(["one:1"]).UseRedis(["one:1", "two:2"]));
        await using var kept = Build(builder => builder.UseRedis(["one:1", "two:2"]).UseRedis(options => options.OperationTimeout = TimeSpan.FromSeconds(7)));

        Assert.IsType<RedisBackplane>(one.GetRequiredService<IBackplane>());
        Assert.Empty(Backplane(one).Servers);
        Assert.Equal("three:3", SessionStore(one).ConnectionString);
        Assert.Null(Backplane(several).ConnectionString);
        Assert.Equal(["one:1", "two:2"], Backplane(several).Servers.Select(static server => server.ConnectionString));
        Assert.Equal("one:1", SessionStore(several).ConnectionString);
        Assert.Equal(2, Backplane(kept).Servers.Count);
        Assert.Equal("one:1", SessionStore(kept).ConnectionString);
    }

    [Theory]
    [InlineData("redis-1", "redis-1:6379")]
    [InlineData("Redis-1:7000,password=" + Secret, "redis-1:7000")]
    [InlineData("redis-1,ssl=true", "redis-1:6380")]
    [InlineData("10.0.0.1", "10.0.0.1:6379")]
    [InlineData("b:2,a:1", "a:1,b:2")]
    [InlineData("b:2,a,serviceName=main", "a:26379,b:2/main")]
    [InlineData("[2001:DB8::1]:7000", "[2001:db8::1]:7000")]
    public async Task Name_NotGiven_IsTheAddress(string connectionString, string name)
    {
        Assert.Equal(name, RedisServerName.Of(new() { ConnectionString = connectionString }));
        Assert.Equal(name, RedisServerName.Of(new() { Configuration = ConfigurationOptions.Parse(connectionString) }));
        Assert.Equal("given", RedisServerName.Of(new() { Name = "given", ConnectionString = connectionString }));
        Assert.DoesNotContain(Secret, await RefusalAsync(builder => builder.UseRedis([connectionString, connectionString])));
    }

    [Fact]
    public async Task Name_OfAConnectionOfTheApp_IsTheAddress()
    {
        await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(redis.EndPoint);

        Assert.Equal(redis.EndPoint, RedisServerName.Of(new() { ConnectionMultiplexer = multiplexer }));
    }

    [Fact]
    public async Task Start_ServersThatCannotBeUsed_FailsSayingWhichAndWhy()
    {
        var message = await RefusalAsync(builder => builder.UseRedisBackplane(options =>
        {
            options.Servers.Add(new() { ConnectionString = $"host:1,password={Secret}" });
            options.Servers.Add(new());
            options.Servers.Add(new() { ConnectionString = $"host:1,password={Secret},noSuchOption=1" });
            options.Servers.Add(new() { ConnectionString = "host:1", Configuration = new ConfigurationOptions() });
            options.Servers.Add(new() { Name = $"host:1,password={Secret}", ConnectionString = "host:2" });
            options.Servers.Add(new() { Name = "", ConnectionString = "host:3" });
            options.Servers.Add(new() { ConnectionString = "HOST:1" });
            options.Servers.Add(null!);
        }));

        Assert.DoesNotContain("Servers[0]", message);
        Assert.Contains("RedisBackplaneOptions.Servers[1] has no connection", message);
        Assert.Contains("RedisBackplaneOptions.Servers[2].ConnectionString cannot be read", message);
        Assert.Contains("RedisBackplaneOptions.Servers[3] has 2 connections", message);
        Assert.Contains("RedisBackplaneOptions.Servers[4].Name is no name", message);
        Assert.Contains("RedisBackplaneOptions.Servers[5].Name is no name", message);
        Assert.Contains("RedisBackplaneOptions.Servers[6] is called 'host:1', as another server is", message);
        Assert.Contains("RedisBackplaneOptions.Servers[7] is null", message);
        Assert.DoesNotContain(Secret, message);
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    public async Task Start_ConnectionStringOfSeveralMissing_Fails(string? connectionString)
    {
        var message = await RefusalAsync(builder => builder.UseRedis(["one:1", connectionString!]));

        Assert.Contains("RedisBackplaneOptions.Servers[1]", message);
    }

    [Fact]
    public async Task Start_ServersAndAnotherConnection_Fails()
    {
        var message = await RefusalAsync(builder => builder.UseRedis(options =>
        {
            options.ConnectionString = "one:1";
            options.Servers.Add(new() { ConnectionString = "two:2" });
        }));

        Assert.Contains("RedisBackplaneOptions has Servers and another connection", message);
    }

    [Fact]
    public async Task Start_NameOfTheLongestKind_Starts()
    {
        await using var services = Build(builder => builder.UseRedisBackplane(options =>
        {
            options.Servers.Add(new() { Name = new string('!', 255), ConnectionString = redis.EndPoint });
            options.Servers.Add(new() { Name = "~", ConnectionString = redis.EndPoint });
        }));
        var message = await RefusalAsync(builder => builder.UseRedisBackplane(options =>
            options.Servers.Add(new() { Name = new string('!', 256), ConnectionString = redis.EndPoint })));

        Assert.Equal(2, Backplane(services).Servers.Count);
        Assert.Contains("Servers[0].Name is no name", message);
    }

    private static RedisBackplaneOptions Backplane(IServiceProvider services) => services.GetRequiredService<IOptions<RedisBackplaneOptions>>().Value;

    private static RedisSessionStoreOptions SessionStore(IServiceProvider services) => services.GetRequiredService<IOptions<RedisSessionStoreOptions>>().Value;

    private static ServiceProvider Build(Action<IDistributedWebSocketsBuilder> configure)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        configure(new Builder(services));
        return services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
    }

    private static async Task<string> RefusalAsync(Action<IDistributedWebSocketsBuilder> configure)
    {
        await using var services = Build(configure);
        return Assert.Throws<OptionsValidationException>(() => Backplane(services)).ToString();
    }

    private sealed class Builder(IServiceCollection services) : IDistributedWebSocketsBuilder
    {
        public IServiceCollection Services { get; } = services;
    }
}
