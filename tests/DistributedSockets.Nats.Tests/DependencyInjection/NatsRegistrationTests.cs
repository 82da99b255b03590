using DistributedSockets.TestServers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.DependencyInjection;

public sealed class NatsRegistrationTests(NatsServer server)
{
    private const string Secret = "s3cr3t-p4ssw0rd";

    [Fact]
    public async Task UseNats_Twice_RegistersOnceAndTheLastCallWins()
    {
        await using var services = Build(builder => builder.UseNats("nats://one:1").UseNats("nats://two:2"));

        Assert.IsType<NatsBackplane>(Assert.Single(services.GetServices<IBackplane>()));
        Assert.Equal(2, services.GetServices<IValidateOptions<NatsBackplaneOptions>>().Count());
        Assert.Equal("nats://two:2", BackplaneOptions(services).Url);
    }

    [Fact]
    public async Task UseNats_OtherKindOfConnectionLater_ReplacesTheEarlier()
    {
        await using var connection = new NatsConnection();
        await using var services = Build(builder => builder.UseNats("nats://one:1").UseNats(connection));

        Assert.Null(BackplaneOptions(services).Url);
        Assert.Same(connection, BackplaneOptions(services).Connection);
    }

    [Fact]
    public async Task UseNats_CallbackWithoutConnection_KeepsTheEarlierOne()
    {
        await using var services = Build(builder => builder.UseNats("nats://one:1").UseNats(options => options.OperationTimeout = TimeSpan.FromSeconds(7)));

        Assert.Equal("nats://one:1", BackplaneOptions(services).Url);
        Assert.Equal(TimeSpan.FromSeconds(7), BackplaneOptions(services).OperationTimeout);
    }

    [Fact]
    public async Task UseNatsBackplane_EachOverload_SetsItsConnection()
    {
        var configuration = new NatsOpts { Url = "nats://one:1" };
        await using var connection = new NatsConnection();
        await using var byUrl = Build(builder => builder.UseNatsBackplane("nats://one:1"));
        await using var byConfiguration = Build(builder => builder.UseNatsBackplane(configuration));
        await using var byConnection = Build(builder => builder.UseNatsBackplane(connection));

        Assert.Equal("nats://one:1", BackplaneOptions(byUrl).Url);
        Assert.Same(configuration, BackplaneOptions(byConfiguration).Configuration);
        Assert.Same(connection, BackplaneOptions(byConnection).Connection);
    }

    [Fact]
    public async Task UseNatsBackplane_Alone_LeavesTheSessionStore()
    {
        await using var services = Build(builder => builder.UseNatsBackplane("nats://one:1"));

        Assert.IsType<NatsBackplane>(services.GetRequiredService<IBackplane>());
        Assert.Null(services.GetService<ISessionStore>());
    }

    [Fact]
    public void UseNats_ArgumentMissing_Throws()
    {
        var builder = new Builder(new ServiceCollection());

        Assert.ThrowsAny<ArgumentException>(() => builder.UseNats(""));
        Assert.ThrowsAny<ArgumentException>(() => builder.UseNatsBackplane(""));
        Assert.Throws<ArgumentNullException>(() => builder.UseNats((string)null!));
        Assert.Throws<ArgumentNullException>(() => builder.UseNats((NatsOpts)null!));
        Assert.Throws<ArgumentNullException>(() => builder.UseNats((INatsConnection)null!));
        Assert.Throws<ArgumentNullException>(() => builder.UseNats((Action<NatsOptions>)null!));
        Assert.Throws<ArgumentNullException>(() => builder.UseNatsBackplane((NatsOpts)null!));
        Assert.Throws<ArgumentNullException>(() => builder.UseNatsBackplane((INatsConnection)null!));
        Assert.Throws<ArgumentNullException>(() => builder.UseNatsBackplane((Action<NatsBackplaneOptions>)null!));
        Assert.Throws<ArgumentNullException>(() => ((IDistributedWebSocketsBuilder)null!).UseNatsBackplane("nats://one:1"));
    }

    [Theory]
    [InlineData(100, 65_536, 65_536)]
    [InlineData(60_000, 1_073_741_824, int.MaxValue)]
    public async Task Start_JustInside_Starts(int milliseconds, int maxPayloadBytes, int maxPartialBytes)
    {
        server.SkipUnlessAvailable();
        using var host = Host(builder => builder.UseNatsBackplane(options =>
        {
            options.Url = server.Url;
            options.OperationTimeout = TimeSpan.FromMilliseconds(milliseconds);
            options.MaxPayloadBytes = maxPayloadBytes;
            options.MaxPartialBytes = maxPartialBytes;
        }));

        await host.StartAsync(TestContext.Current.CancellationToken);
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData(99, 65_536, 65_536, "OperationTimeout is 00:00:00.0990000")]
    [InlineData(60_001, 65_536, 65_536, "OperationTimeout is 00:01:00.0010000")]
    [InlineData(100, 65_535, 65_536, "MaxPayloadBytes is 65535")]
    [InlineData(100, 1_073_741_825, int.MaxValue, "MaxPayloadBytes is 1073741825")]
    [InlineData(100, 65_536, 65_535, "MaxPartialBytes is 65535")]
    [InlineData(100, -1, -1, "MaxPayloadBytes is -1")]
    public async Task Start_JustOutside_FailsNamingOptionAndValue(int milliseconds, int maxPayloadBytes, int maxPartialBytes, string expected)
    {
        var message = await RefusalAsync(builder => builder.UseNatsBackplane(options =>
        {
            options.Url = $"nats://app:{Secret}@host:4222";
            options.OperationTimeout = TimeSpan.FromMilliseconds(milliseconds);
            options.MaxPayloadBytes = maxPayloadBytes;
            options.MaxPartialBytes = maxPartialBytes;
        }));

        Assert.Contains($"NatsBackplaneOptions.{expected}", message);
        Assert.DoesNotContain(Secret, message);
    }

    [Theory]
    [InlineData(1_048_576, true)]
    [InlineData(int.MaxValue, true)]
    [InlineData(1_048_575, false)]
    [InlineData(-1, false)]
    public async Task Start_MaxPendingBytes_IsTakenOrRefusedNamingItAndItsValue(int bytes, bool isTaken)
    {
        server.SkipUnlessAvailable();
        if (isTaken)
        {
            using var host = Host(builder => builder.UseNatsBackplane(options => (options.Url, options.MaxPendingBytes) = (server.Url, bytes)));
            await host.StartAsync(TestContext.Current.CancellationToken);
            await host.StopAsync(TestContext.Current.CancellationToken);
            return;
        }

        var message = await RefusalAsync(builder => builder.UseNatsBackplane(options => (options.Url, options.MaxPendingBytes) = (server.Url, bytes)));
        Assert.Contains($"NatsBackplaneOptions.MaxPendingBytes is {bytes}", message);
    }

    [Fact]
    public async Task Start_NoConnection_FailsSayingWhatToSet()
    {
        var message = await RefusalAsync(builder => builder.UseNats(_ => { }));

        Assert.Contains("NatsBackplaneOptions has no connection", message);
        Assert.Contains("Url", message);
    }

    [Fact]
    public async Task Start_TwoConnectionsInOneCall_Fails()
    {
        var message = await RefusalAsync(builder => builder.UseNatsBackplane(options =>
        {
            options.Url = $"nats://app:{Secret}@host:4222";
            options.Configuration = new NatsOpts();
        }));

        Assert.Contains("NatsBackplaneOptions has 2 connections", message);
        Assert.DoesNotContain(Secret, message);
    }

    [Theory]
    [InlineData("  ")]
    [InlineData("http://host:4222")]
    [InlineData("nats://app:" + Secret + "@")]
    [InlineData("nats://app:" + Secret + "/x@host:4222")]
    [InlineData("nats://app:1/" + Secret + "@host:4222")] // a slash in a password makes a host of what is before it
    [InlineData("nats://app:" + Secret + ",x@host:4222")]
    [InlineData("nats://host:4222#" + Secret)]
    [InlineData("nats://host:" + Secret)]
    [InlineData("redis://app:" + Secret + "@host")]
    public async Task Start_UrlUnusable_FailsWithoutRepeatingIt(string url)
    {
        var byUrl = await RefusalAsync(builder => builder.UseNats(url));
        var byConfiguration = await RefusalAsync(builder => builder.UseNats(new NatsOpts { Url = url }));

        Assert.Contains("NatsBackplaneOptions.Url is no list of NATS servers", byUrl);
        Assert.Contains("NatsBackplaneOptions.Configuration.Url is no list of NATS servers", byConfiguration);
        Assert.DoesNotContain(Secret, byUrl + byConfiguration);
    }

    [Theory]
    [InlineData("host")]
    [InlineData("host:4222")]
    [InlineData("nats://127.0.0.1:4222,tls://[::1]:4222")]
    [InlineData("nats://app:p%40ss%2Fword@host:4222")]
    [InlineData("wss://host/nats")]
    public async Task Url_Usable_IsTaken(string url)
    {
        await using var services = Build(builder => builder.UseNats(url));

        Assert.NotNull(services.GetRequiredService<IBackplane>());
    }

    private static NatsBackplaneOptions BackplaneOptions(IServiceProvider services) => services.GetRequiredService<IOptions<NatsBackplaneOptions>>().Value;

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
}
