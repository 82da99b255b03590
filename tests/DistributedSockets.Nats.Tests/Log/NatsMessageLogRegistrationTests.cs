using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.Log;

public sealed class NatsMessageLogRegistrationTests
{
    private const string Secret = "s3cr3t-p4ssw0rd";

    [Fact]
    public async Task UseNats_Url_IsTheMessageLogToo()
    {
        await using var services = Build(builder => builder.UseNats("nats://one:1").UseNats("nats://two:2"));

        Assert.IsType<NatsMessageLog>(Assert.Single(services.GetServices<IMessageLog>()));
        Assert.Equal("nats://two:2", OptionsOf(services).Url);
    }

    [Fact]
    public async Task UseNatsMessageLog_Alone_LeavesTheRest()
    {
        await using var services = Build(builder => builder.UseNatsMessageLog("nats://one:1"));

        Assert.IsType<NatsMessageLog>(services.GetRequiredService<IMessageLog>());
        Assert.Null(services.GetService<IBackplane>());
        Assert.Null(services.GetService<ISessionStore>());
    }

    [Fact]
    public async Task UseNatsMessageLog_AfterUseNats_KeepsTheConnectionAndSetsTheRest()
    {
        await using var services = Build(builder => builder
            .UseNats("nats://one:1")
            .UseNatsMessageLog(options => (options.LogStorage, options.LogReplicas, options.MaxLogBytes) = (NatsStorage.Memory, 3, 1 << 20)));

        var options = OptionsOf(services);
        Assert.Equal(("nats://one:1", NatsStorage.Memory, 3, 1 << 20), (options.Url, options.LogStorage, options.LogReplicas, options.MaxLogBytes));
        Assert.Single(services.GetServices<IValidateOptions<NatsMessageLogOptions>>(), static validator => validator is NatsMessageLogOptionsValidator);
    }

    [Fact]
    public async Task UseNatsMessageLog_EachOverload_SetsItsConnection()
    {
        var configuration = new NatsOpts { Url = "nats://one:1" };
        await using var connection = new NatsConnection();
        await using var byConfiguration = Build(builder => builder.UseNatsMessageLog("nats://one:1").UseNatsMessageLog(configuration));
        await using var byConnection = Build(builder => builder.UseNatsMessageLog(configuration).UseNatsMessageLog(connection));

        Assert.Equal((null, configuration), (OptionsOf(byConfiguration).Url, OptionsOf(byConfiguration).Configuration));
        Assert.Equal((null, connection), (OptionsOf(byConnection).Configuration, OptionsOf(byConnection).Connection));
    }

    [Fact]
    public void UseNatsMessageLog_ArgumentMissing_Throws()
    {
        var builder = new Builder(new ServiceCollection());

        Assert.ThrowsAny<ArgumentException>(() => builder.UseNatsMessageLog(""));
        Assert.Throws<ArgumentNullException>(() => builder.UseNatsMessageLog((string)null!));
        Assert.Throws<ArgumentNullException>(() => builder.UseNatsMessageLog((NatsOpts)null!));
        Assert.Throws<ArgumentNullException>(() => builder.UseNatsMessageLog((INatsConnection)null!));
        Assert.Throws<ArgumentNullException>(() => builder.UseNatsMessageLog((Action<NatsMessageLogOptions>)null!));
        Assert.Throws<ArgumentNullException>(() => ((IDistributedWebSocketsBuilder)null!).UseNatsMessageLog("nats://one:1"));
    }

    [Theory]
    [InlineData(100, 1, 0, 1 << 20)]
    [InlineData(60_000, 5, 1 << 20, int.MaxValue)]
    public void Options_JustInside_AreValid(int milliseconds, int replicas, long bytes, int pending)
    {
        var options = new NatsMessageLogOptions
        {
            Url = "nats://one:1", OperationTimeout = TimeSpan.FromMilliseconds(milliseconds), LogReplicas = replicas, MaxLogBytes = bytes, MaxPendingBytes = pending,
        };

        Assert.True(new NatsMessageLogOptionsValidator().Validate(null, options).Succeeded);
        Assert.True(new NatsConnectionOptionsValidator<NatsMessageLogOptions>().Validate(null, options).Succeeded);
    }

    [Theory]
    [InlineData(99, 0, -1, (1 << 20) - 1, (NatsStorage)(-1))]
    [InlineData(60_001, 6, (1 << 20) - 1, 0, (NatsStorage)2)]
    public async Task Start_OptionsJustOutside_FailsNamingOptionsAndValues(int milliseconds, int replicas, long bytes, int pending, NatsStorage storage)
    {
        var host = Host.CreateApplicationBuilder();
        new Builder(host.Services).UseNatsMessageLog(options =>
        {
            (options.Url, options.OperationTimeout) = ($"nats://user:{Secret}@one:1", TimeSpan.FromMilliseconds(milliseconds));
            (options.LogReplicas, options.MaxLogBytes, options.MaxPendingBytes, options.LogStorage) = (replicas, bytes, pending, storage);
        });
        using var app = host.Build();

        var refusal = (await Assert.ThrowsAsync<OptionsValidationException>(() => app.StartAsync(TestContext.Current.CancellationToken))).Message;

        Assert.Contains("NatsMessageLogOptions.OperationTimeout is ", refusal, StringComparison.Ordinal);
        Assert.Contains($"NatsMessageLogOptions.LogReplicas is {replicas}.", refusal, StringComparison.Ordinal);
        Assert.Contains($"NatsMessageLogOptions.MaxLogBytes is {bytes}.", refusal, StringComparison.Ordinal);
        Assert.Contains($"NatsMessageLogOptions.MaxPendingBytes is {pending}.", refusal, StringComparison.Ordinal);
        Assert.Contains($"NatsMessageLogOptions.LogStorage is {storage}.", refusal, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, refusal, StringComparison.Ordinal);
    }

    private static NatsMessageLogOptions OptionsOf(IServiceProvider services) => services.GetRequiredService<IOptions<NatsMessageLogOptions>>().Value;

    private static ServiceProvider Build(Action<IDistributedWebSocketsBuilder> configure)
    {
        var services = new ServiceCollection();
        configure(new Builder(services));
        return services.BuildServiceProvider();
    }

    private sealed record Builder(IServiceCollection Services) : IDistributedWebSocketsBuilder;
}
