using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace DistributedSockets.Nats.Tests.Hosts;

/// <summary>Whatever goes well or wrong, no password or token of NATS stands (a user's name may) in a log, an exception of ours or the answer of the health check.</summary>
public sealed class SecretTests
{
    private const string Secret = "s3cr3t";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("nats://app:s3cr3t@ENDPOINT", "app", "s3cr3t", true)]
    [InlineData("nats://app:s3cr3t@ENDPOINT", "app", "other", false)]
    [InlineData("s3cr3t@ENDPOINT", "app", "other", false)]
    [InlineData("nats://app:s3cr3t%2C%40@ENDPOINT,ENDPOINT", "app", "other", false)]
    public async Task Server_ThatSignsInOrRefuses_LeavesNoSecret(string url, string user, string password, bool isTaken)
    {
        await using var server = new NatsServer { HasJetStream = true };
        server.SkipUnlessAvailable();
        foreach (var argument in new[] { "--user", user, "--pass", password })
        {
            server.ExtraArguments.Add(argument);
        }

        await server.StartAsync();

        await AssertDiscreetAsync(url.Replace("ENDPOINT", server.EndPoint, StringComparison.Ordinal), isTaken);
    }

    [Theory]
    [InlineData("nats://app:s3cr3t@127.0.0.1:1")]
    [InlineData("nats://s3cr3t@127.0.0.1:1,127.0.0.1:2")]
    [InlineData("ws://app:s3cr3t@127.0.0.1:1/path")]
    public async Task Server_NotThere_LeavesNoSecret(string url) => await AssertDiscreetAsync(url, isThere: false);

    private static async Task AssertDiscreetAsync(string url, bool isThere)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Logging.AddFakeLogging().SetMinimumLevel(LogLevel.Trace);
        builder.Services.AddHealthChecks().AddDistributedWebSockets();
        builder.Services.AddDistributedWebSockets()
            .ConfigureCluster(static cluster => cluster.Prefix = $"secret-{Guid.NewGuid():N}")
            .UseNats(url);
        using var host = builder.Build();
        await host.StartAsync(Cancellation).WithinGuardAsync();
        var wanted = isThere ? HealthStatus.Healthy : HealthStatus.Degraded;
        var health = host.Services.GetRequiredService<HealthCheckService>();
        await Eventually.TrueAsync(async () => (await health.CheckHealthAsync(Cancellation)).Status == wanted, $"the node is {wanted}");
        var entry = (await health.CheckHealthAsync(Cancellation)).Entries.Single().Value;
        Assert.DoesNotContain(Secret, $"{entry.Description} {entry.Exception} {string.Join(' ', entry.Data)}");
        var router = host.Services.GetRequiredService<IWebSocketRouter>();
        var store = host.Services.GetRequiredService<ISessionStore>();
        if (isThere)
        {
            await router.SendToAllAsync("hello", Cancellation);
            await store.ListNodesAsync(Cancellation);
        }
        else
        {
            var publish = await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await router.SendToAllAsync("hello", Cancellation));
            var list = await Assert.ThrowsAsync<SessionStoreUnavailableException>(async () => await store.ListNodesAsync(Cancellation));
            Assert.DoesNotContain(Secret, $"{publish} {list}");
        }

        await host.StopAsync(Cancellation).WithinGuardAsync();
        var logged = host.Services.GetFakeLogCollector().GetSnapshot();
        Assert.NotEmpty(logged);
        Assert.All(logged, static record => Assert.DoesNotContain(
            Secret, $"{record.Category} {record.Message} {record.Exception} {string.Join(' ', record.StructuredState ?? [])}"));
    }
}
