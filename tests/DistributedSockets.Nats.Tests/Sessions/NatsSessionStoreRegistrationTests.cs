using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.Sessions;

public sealed class NatsSessionStoreRegistrationTests(NatsServer withoutJetStream, JetStreamFixture jetStream)
{
    private const string Secret = "s3cr3t-p4ssw0rd";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task UseNats_Url_IsBackplaneAndSessionStore()
    {
        await using var services = Build(builder => builder.UseNats("nats://one:1"));

        Assert.IsType<NatsBackplane>(services.GetRequiredService<IBackplane>());
        Assert.IsType<NatsSessionStore>(services.GetRequiredService<ISessionStore>());
        Assert.Equal("nats://one:1", services.GetRequiredService<IOptions<NatsBackplaneOptions>>().Value.Url);
        Assert.Equal("nats://one:1", OptionsOf(services).Url);
    }

    [Fact]
    public async Task UseNatsSessionStore_Alone_LeavesTheBackplane()
    {
        await using var services = Build(builder => builder.UseNatsSessionStore("nats://one:1"));

        Assert.IsType<NatsSessionStore>(services.GetRequiredService<ISessionStore>());
        Assert.Null(services.GetService<IBackplane>());
    }

    [Fact]
    public async Task UseNatsSessionStore_AfterUseNats_KeepsTheConnectionAndSetsTheRest()
    {
        await using var services = Build(builder => builder
            .UseNats("nats://one:1")
            .UseNatsSessionStore(options => (options.Storage, options.Replicas, options.OperationTimeout) = (NatsStorage.File, 3, TimeSpan.FromSeconds(7))));

        Assert.Single(services.GetServices<ISessionStore>());
        Assert.Single(services.GetServices<IValidateOptions<NatsSessionStoreOptions>>(), validator => validator is NatsSessionStoreOptionsValidator);
        var options = OptionsOf(services);
        Assert.Equal(("nats://one:1", NatsStorage.File, 3, TimeSpan.FromSeconds(7)), (options.Url, options.Storage, options.Replicas, options.OperationTimeout));
    }

    [Fact]
    public async Task UseNatsSessionStore_OtherKindsOfConnection_ReplaceEachOther()
    {
        var configuration = NatsOpts.Default with { Url = "nats://two:2" };
        await using var configured = Build(builder => builder.UseNatsSessionStore("nats://one:1").UseNatsSessionStore(configuration));
        Assert.Equal((null, configuration), (OptionsOf(configured).Url, OptionsOf(configured).Configuration));

        await using var connection = new NatsConnection(configuration);
        await using var shared = Build(builder => builder.UseNatsSessionStore(configuration).UseNatsSessionStore(connection));
        Assert.Null(OptionsOf(shared).Configuration);
        Assert.Same(connection, OptionsOf(shared).Connection);
    }

    [Fact]
    public void UseNatsSessionStore_ArgumentMissing_Throws()
    {
        var builder = new Builder(new ServiceCollection());

        Assert.ThrowsAny<ArgumentException>(() => builder.UseNatsSessionStore(""));
        Assert.Throws<ArgumentNullException>(() => builder.UseNatsSessionStore((string)null!));
        Assert.Throws<ArgumentNullException>(() => builder.UseNatsSessionStore((NatsOpts)null!));
        Assert.Throws<ArgumentNullException>(() => builder.UseNatsSessionStore((INatsConnection)null!));
        Assert.Throws<ArgumentNullException>(() => builder.UseNatsSessionStore((Action<NatsSessionStoreOptions>)null!));
        Assert.Throws<ArgumentNullException>(() => ((IDistributedWebSocketsBuilder)null!).UseNatsSessionStore("nats://one:1"));
    }

    [Theory]
    [InlineData(100, 1)]
    [InlineData(60_000, 5)]
    public void Options_JustInside_AreValid(int milliseconds, int replicas)
    {
        var options = new NatsSessionStoreOptions { Url = "nats://one:1", OperationTimeout = TimeSpan.FromMilliseconds(milliseconds), Replicas = replicas };

        Assert.True(new NatsSessionStoreOptionsValidator().Validate(null, options).Succeeded);
        Assert.True(new NatsConnectionOptionsValidator<NatsSessionStoreOptions>().Validate(null, options).Succeeded);
    }

    [Theory]
    [InlineData(99, 0, (NatsStorage)(-1))]
    [InlineData(60_001, 6, (NatsStorage)2)]
    public async Task Start_OptionsJustOutside_FailsNamingOptionsAndValues(int milliseconds, int replicas, NatsStorage storage)
    {
        var timeout = TimeSpan.FromMilliseconds(milliseconds);
        var host = Host.CreateApplicationBuilder();
        new Builder(host.Services).UseNatsSessionStore(options =>
        {
            options.Url = $"nats://user:{Secret}@one:1";
            (options.OperationTimeout, options.Replicas, options.Storage) = (timeout, replicas, storage);
        });
        using var app = host.Build();

        var refusal = (await Assert.ThrowsAsync<OptionsValidationException>(() => app.StartAsync(Cancellation))).Message;

        Assert.Contains($"NatsSessionStoreOptions.OperationTimeout is {timeout}", refusal, StringComparison.Ordinal);
        Assert.Contains($"NatsSessionStoreOptions.Replicas is {replicas}", refusal, StringComparison.Ordinal);
        Assert.Contains($"NatsSessionStoreOptions.Storage is {storage}", refusal, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_ServerWithoutJetStream_IsDegradedAndSaysWhatToDo()
    {
        withoutJetStream.SkipUnlessAvailable();

        var report = await StartAndCheckAsync(withoutJetStream.Url);

        Assert.Equal(HealthStatus.Degraded, report.Status);
        Assert.Contains("JetStream is off", Assert.Single(report.Entries).Value.Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_ServerWithJetStream_IsHealthy()
    {
        jetStream.Server.SkipUnlessAvailable();

        Assert.Equal(HealthStatus.Healthy, (await StartAndCheckAsync(jetStream.Server.Url)).Status);
    }

    [Fact]
    public async Task WrongPassword_AnyCall_ThrowsWithoutRepeatingIt()
    {
        await using var server = new NatsServer { HasJetStream = true, Configuration = "authorization { user: app, password: right }" };
        server.SkipUnlessAvailable();
        await server.StartAsync();
        await using var store = NatsFactory.SessionStore($"nats://app:{Secret}@{server.EndPoint}", "secret");

        var refused = await Assert.ThrowsAsync<SessionStoreUnavailableException>(async () => await store.ListNodesAsync(Cancellation));

        Assert.DoesNotContain(Secret, refused.ToString(), StringComparison.Ordinal);
        await using var right = NatsFactory.SessionStore($"nats://app:right@{server.EndPoint}", "secret");
        Assert.Empty(await right.ListNodesAsync(Cancellation));
    }

    [Fact]
    public async Task Connection_OfTheApp_StaysOpen()
    {
        jetStream.Server.SkipUnlessAvailable();
        await using var connection = new NatsConnection(NatsOpts.Default with { Url = jetStream.Server.Url });
        var store = NatsFactory.SessionStore(jetStream.Server.Url, $"shared-{Guid.NewGuid():N}", options => (options.Url, options.Connection) = (null, connection));
        Assert.Empty(await store.ListNodesAsync(Cancellation));

        await store.DisposeAsync();

        await connection.PingAsync(Cancellation);
    }

    private static NatsSessionStoreOptions OptionsOf(IServiceProvider services) => services.GetRequiredService<IOptions<NatsSessionStoreOptions>>().Value;

    private static ServiceProvider Build(Action<IDistributedWebSocketsBuilder> configure)
    {
        var services = new ServiceCollection();
        configure(new Builder(services));
        return services.BuildServiceProvider();
    }

    private static async Task<HealthReport> StartAndCheckAsync(string url)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddDistributedWebSockets()
            .ConfigureCluster(static options => options.Prefix = $"health-{Guid.NewGuid():N}")
            .UseNats(options => (options.Url, options.OperationTimeout) = (url, TimeSpan.FromSeconds(10)));
        builder.Services.AddHealthChecks().AddDistributedWebSockets();
        using var host = builder.Build();
        await host.StartAsync(Cancellation);
        var report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Cancellation);
        await host.StopAsync(Cancellation).WithinGuardAsync();
        return report;
    }

    private sealed record Builder(IServiceCollection Services) : IDistributedWebSocketsBuilder;
}
