using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>Nodes with one session store whose configuration keeps them from hearing each other.</summary>
public sealed class ClusterAgreementTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Backplane_OfAnotherKind_IsNoticedAndItsEndToo()
    {
        var time = new FakeTimeProvider();
        var cluster = new InMemoryCluster(time);
        await using var first = await AppNode.StartAsync(cluster, build: builder => AddHealth(builder, time));
        Assert.Equal(HealthStatus.Healthy, (await HealthAsync(first.Services)).Status);

        using (var worker = Worker(time, cluster, builder => builder.UseBackplane(_ => new FakeBackplane(cluster))))
        {
            await worker.StartAsync(Cancellation);
            Assert.Equal(HealthStatus.Degraded, (await HealthAsync(worker.Services)).Status); // at once: it saw who was there before
            await NoticedAsync(first, time, HealthStatus.Degraded);

            var entry = Assert.Single(first.Logs.GetSnapshot(), static entry => entry.Id.Id == 196);
            Assert.Equal(LogLevel.Error, entry.Level);
            Assert.Contains($"such as {worker.Services.GetRequiredService<NodeInfo>().NodeId} with 'fake' where this one has 'in_memory: {cluster.Id}'", entry.Message);
            await worker.StopAsync(Cancellation);
        }

        await NoticedAsync(first, time, HealthStatus.Healthy);
        Assert.Single(first.Logs.GetSnapshot(), static entry => entry.Id.Id == 197);
    }

    [Theory]
    [InlineData("", "", true)]
    [InlineData("A", "A", true)]
    [InlineData("A", "", false)]
    [InlineData("", "A", false)]
    [InlineData("A", "B", false)]
    [InlineData("A", "AB", true)] // the steps of changing keys
    [InlineData("AB", "BA", true)]
    [InlineData("BA", "B", true)]
    [InlineData("A", "BA", false)]
    [InlineData("AB", "B", false)]
    public async Task EnvelopeKeys_ThatDoNotOpenEachOther_AreNoticed(string keys, string others, bool agree)
    {
        var time = new FakeTimeProvider();
        var cluster = new InMemoryCluster(time);
        await using var first = await AppNode.StartAsync(cluster, options => AddKeys(options, keys), builder => AddHealth(builder, time));
        using var worker = Worker(time, cluster, builder => builder.Services.Configure<DistributedWebSocketsOptions>(options => AddKeys(options, others)));
        await worker.StartAsync(Cancellation);

        var report = await HealthAsync(worker.Services);

        Assert.Equal(agree ? HealthStatus.Healthy : HealthStatus.Degraded, report.Status);
        if (!agree)
        {
            var description = report.Entries.Single().Value.Description!;
            Assert.Contains("1 of 2 nodes and workers seal envelopes differently", description);
            Assert.All(keys.Concat(others), key => Assert.DoesNotContain(Key(key), description));
            await NoticedAsync(first, time, HealthStatus.Degraded);
            Assert.Single(first.Logs.GetSnapshot(), static entry => entry.Id.Id == 198);
        }

        await worker.StopAsync(Cancellation);
    }

    [Theory]
    [InlineData(60, true)]
    [InlineData(61, false)]
    [InlineData(0, false)] // it has no log
    public async Task Log_OfAHubThatAWorkerKeepsOtherwise_IsNoticed(int minutes, bool agree)
    {
        var time = new FakeTimeProvider();
        var cluster = new InMemoryCluster(time);
        await using var first = await AppNode.StartAsync(cluster, options => SetLog(options, 60), builder => AddHealth(builder, time));
        using var worker = Worker(time, cluster, builder => builder.Services.Configure<DistributedWebSocketsOptions>(options => SetLog(options, minutes)));
        _ = worker.Services.GetRequiredService<IWebSocketRouter<ProbeHandler>>();
        await worker.StartAsync(Cancellation);

        var report = await HealthAsync(worker.Services);

        Assert.Equal(agree ? HealthStatus.Healthy : HealthStatus.Degraded, report.Status);
        if (!agree)
        {
            Assert.Contains("1 of 2 nodes and workers log a hub differently", report.Entries.Single().Value.Description);
            await NoticedAsync(first, time, HealthStatus.Degraded);
            Assert.Single(first.Logs.GetSnapshot(), static entry => entry.Id.Id == 290);
        }

        await worker.StopAsync(Cancellation);

        static void SetLog(DistributedWebSocketsOptions options, int minutes) =>
            (options.LogAll, options.LogMaxAge) = (minutes > 0, minutes > 0 ? TimeSpan.FromMinutes(minutes) : options.LogMaxAge);
    }

    private static async Task NoticedAsync(AppNode node, FakeTimeProvider time, HealthStatus status) => await Eventually.TrueAsync(
        async () =>
        {
            time.Advance(TimeSpan.FromSeconds(5));
            return (await HealthAsync(node.Services)).Status == status;
        },
        $"the node is {status}");

    private static Task<HealthReport> HealthAsync(IServiceProvider services) => services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Cancellation);

    private static void AddHealth(IDistributedWebSocketsBuilder builder, TimeProvider time) =>
        builder.Services.AddSingleton(time).AddHealthChecks().AddDistributedWebSockets();

    private static IHost Worker(TimeProvider time, InMemoryCluster cluster, Action<IDistributedWebSocketsBuilder> configure)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        var sockets = builder.Services.AddDistributedWebSockets().UseInMemory(cluster);
        configure(sockets);
        AddHealth(sockets, time);
        return builder.Build();
    }

    private static void AddKeys(DistributedWebSocketsOptions options, string keys)
    {
        foreach (var key in keys)
        {
            options.EnvelopeKeys.Add(Key(key));
        }
    }

    private static string Key(char name) => Convert.ToBase64String([.. Enumerable.Repeat((byte)name, 32)]);
}
