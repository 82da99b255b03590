using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.DependencyInjection;

/// <summary>The options in the app's configuration.</summary>
public sealed class RedisSectionTests
{
    private const string Section = "DistributedWebSockets:Redis:";

    [Fact]
    public async Task UseRedis_WithoutArguments_TakesWhatTheSectionSays()
    {
        await using var services = Build(static builder => builder.UseRedis(), ("ConnectionString", "one:1"), ("OperationTimeout", "00:00:02.5"));

        Assert.IsType<RedisBackplane>(services.GetRequiredService<IBackplane>());
        Assert.Equal("one:1", Backplane(services).ConnectionString);
        Assert.Equal("one:1", SessionStore(services).ConnectionString);
        Assert.Equal(TimeSpan.FromSeconds(2.5), Backplane(services).OperationTimeout);
        Assert.Equal(TimeSpan.FromSeconds(2.5), SessionStore(services).OperationTimeout);
    }

    [Fact]
    public async Task Servers_AsStringsAndWithNames_AreTaken()
    {
        await using var services = Build(
            static builder => builder.UseRedis(), ("Servers:0:Name", "red"), ("Servers:0:ConnectionString", "one:1"), ("Servers:1", "two:2"));

        Assert.IsType<RedisServersBackplane>(services.GetRequiredService<IBackplane>());
        Assert.Equal([("red", "one:1"), (null, "two:2")], Backplane(services).Servers.Select(static server => (server.Name, server.ConnectionString)));
        Assert.Equal("one:1", SessionStore(services).ConnectionString);
    }

    [Fact]
    public async Task Code_BesideTheSection_Wins()
    {
        (string, string)[] section = [("Servers:0", "one:1"), ("Servers:1", "two:2"), ("OperationTimeout", "00:00:02")];
        await using var one = Build(static builder => builder.UseRedis("three:3"), section);
        await using var object_ = Build(static builder => builder.UseRedis(options => options.Configuration = ConfigurationOptions.Parse("three:3")), section);
        await using var timeout = Build(static builder => builder.UseRedis(options => options.OperationTimeout = TimeSpan.FromSeconds(3)), section);

        Assert.Equal("three:3", Backplane(one).ConnectionString);
        Assert.Empty(Backplane(one).Servers);
        Assert.Equal(TimeSpan.FromSeconds(2), Backplane(one).OperationTimeout);
        Assert.NotNull(SessionStore(object_).Configuration);
        Assert.Null(SessionStore(object_).ConnectionString);
        Assert.Equal(2, Backplane(timeout).Servers.Count);
        Assert.Equal(TimeSpan.FromSeconds(3), SessionStore(timeout).OperationTimeout);
    }

    [Fact]
    public async Task ConnectionConfiguredBefore_WhereTheSectionHasNone_Stays()
    {
        await using var services = Build(
            static builder =>
            {
                builder.Services.Configure<RedisBackplaneOptions>(static options => options.ConnectionString = "one:1");
                builder.UseRedisBackplane(static _ => { });
            },
            ("OperationTimeout", "00:00:02"));

        Assert.Equal("one:1", Backplane(services).ConnectionString);
        Assert.Equal(TimeSpan.FromSeconds(2), Backplane(services).OperationTimeout);
    }

    [Fact]
    public async Task UseRedisBackplane_Alone_ReadsTheSectionToo()
    {
        await using var services = Build(static builder => builder.UseRedisBackplane(static _ => { }), ("ConnectionString", "one:1"));

        Assert.Equal("one:1", Backplane(services).ConnectionString);
        Assert.Null(services.GetService<ISessionStore>());
    }

    [Fact]
    public async Task Value_ThatCannotBeUsed_IsRefusedSayingWhere()
    {
        await using var unreadable = Build(static builder => builder.UseRedis(), ("ConnectionString", "one:1"), ("OperationTimeout", "soon"));
        await using var tooLong = Build(static builder => builder.UseRedis(), ("ConnectionString", "one:1"), ("OperationTimeout", "01:00:00"));
        await using var both = Build(static builder => builder.UseRedis(), ("ConnectionString", "one:1"), ("Servers:0", "two:2"));
        await using var none = Build(static builder => builder.UseRedis());

        Assert.Contains("DistributedWebSockets:Redis:OperationTimeout is a text of 4 characters", Assert.Throws<OptionsValidationException>(() => Backplane(unreadable)).Message);
        Assert.Contains("OperationTimeout is 01:00:00", Assert.Throws<OptionsValidationException>(() => SessionStore(tooLong)).Message);
        Assert.Contains("has ConnectionString and Servers", Assert.Throws<OptionsValidationException>(() => Backplane(both)).Message);
        Assert.Contains("has ConnectionString and Servers", Assert.Throws<OptionsValidationException>(() => SessionStore(both)).Message);
        Assert.Contains("has no connection", Assert.Throws<OptionsValidationException>(() => Backplane(none)).Message);
    }

    [Fact]
    public void UseRedis_WithoutConfiguration_SaysThatThereIsNoConnection()
    {
        var services = new ServiceCollection();
        new Builder(services).UseRedis();
        using var provider = services.BuildServiceProvider();

        Assert.Throws<OptionsValidationException>(() => Backplane(provider));
    }

    private static RedisBackplaneOptions Backplane(IServiceProvider services) => services.GetRequiredService<IOptions<RedisBackplaneOptions>>().Value;

    private static RedisSessionStoreOptions SessionStore(IServiceProvider services) => services.GetRequiredService<IOptions<RedisSessionStoreOptions>>().Value;

    private static ServiceProvider Build(Action<IDistributedWebSocketsBuilder> configure, params (string Key, string Value)[] section)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder()
            .AddInMemoryCollection(section.ToDictionary(static entry => Section + entry.Key, static entry => (string?)entry.Value))
            .Build());
        configure(new Builder(services));
        return services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
    }

    private sealed class Builder(IServiceCollection services) : IDistributedWebSocketsBuilder
    {
        public IServiceCollection Services { get; } = services;
    }
}
