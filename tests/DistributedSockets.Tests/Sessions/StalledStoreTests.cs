using System.Collections.Concurrent;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Time.Testing;
using Moq;

namespace DistributedSockets.Tests;

/// <summary>A session store that does not answer, and does not heed its token either.</summary>
public sealed class StalledStoreTests
{
    private static readonly TimeSpan s_heartbeat = TimeSpan.FromMilliseconds(100);

    private readonly Mock<ISessionStore> _store = new();
    private readonly ConcurrentQueue<string> _ended = new();

    public StalledStoreTests()
    {
        Renews().ReturnsAsync(true);
        _store.Setup(store => store.ListNodesAsync(It.IsAny<CancellationToken>())).ReturnsAsync([]);
        Claims().ReturnsAsync([]);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Lease_NeverAnswered_NodeStartsServesAndAsksAgain()
    {
        Renews().Returns(new ValueTask<bool>(new TaskCompletionSource<bool>().Task));
        await using var node = await StartAsync();
        await using var client = await node.ConnectAsync();

        var health = await HealthAsync(node);
        Assert.Equal(HealthStatus.Degraded, health.Status);
        Assert.Contains("did not answer within 00:00:01", health.Entries.Values.Single().Description);
        await client.SendAsync("served");
        Assert.Equal("served", await client.ReceiveTextAsync());

        Renews().ReturnsAsync(true);
        await Eventually.TrueAsync(async () => (await HealthAsync(node)).Status == HealthStatus.Healthy, "the lease is renewed, although the first call has not ended");
    }

    [Fact]
    public async Task Lease_AnswerIsLost_SessionsAreWrittenAnew()
    {
        await using var node = await StartAsync();
        await using var client = await node.ConnectAsync();

        // The lease was taken anew meanwhile, but nobody heard it; the next answer knows nothing of that.
        Renews().Returns(new ValueTask<bool>(new TaskCompletionSource<bool>().Task));
        await Eventually.TrueAsync(async () => (await HealthAsync(node)).Status == HealthStatus.Degraded, "the answer has not come");
        var before = Resets();
        Renews().ReturnsAsync(true);

        await Eventually.TrueAsync(() => Resets() > before, "the sessions are written anew");
        Assert.Contains(node.Logs.GetSnapshot(), record => record.Id.Id == 190);

        int Resets() => _store.Invocations.Count(static call => call.Method.Name == nameof(ISessionStore.ResetAsync));
    }

    [Fact]
    public async Task Commit_TakesTooLong_IsReportedAndWaitedForAndNothingOvertakesIt()
    {
        var gate = new TaskCompletionSource();
        var committed = new ConcurrentQueue<string>();
        _store.Setup(store => store.CommitAsync(It.IsAny<string>(), It.IsAny<IReadOnlyList<SessionChange>>(), It.IsAny<CancellationToken>()))
            .Returns(async (string _, IReadOnlyList<SessionChange> changes, CancellationToken _) =>
            {
                await gate.Task;
                foreach (var change in changes)
                {
                    committed.Enqueue(change.Session.ConnectionId);
                }
            });
        await using var node = await StartAsync();
        await using var first = await node.ConnectAsync();
        await Eventually.TrueAsync(() => _store.Invocations.Any(static call => call.Method.Name == nameof(ISessionStore.CommitAsync)), "the first is being written");
        await using var second = await node.ConnectAsync();

        await Eventually.TrueAsync(() => node.Logs.GetSnapshot().Any(record => record.Id.Id == 182), "it takes too long");
        var health = await HealthAsync(node);
        Assert.Equal(HealthStatus.Degraded, health.Status);
        Assert.Contains("has not written a change within 00:00:01", health.Entries.Values.Single().Description);
        Assert.Single(_store.Invocations, static call => call.Method.Name == nameof(ISessionStore.CommitAsync));
        gate.SetResult();

        await Eventually.TrueAsync(() => committed.Contains(second.Id), "both are written");
        Assert.Equal(first.Id, committed.First());
        await Eventually.TrueAsync(async () => (await HealthAsync(node)).Status == HealthStatus.Healthy, "the node is healthy again");
    }

    [Fact]
    public async Task Claim_AnswerComesTooLate_IsToldAllTheSame()
    {
        var late = new TaskCompletionSource<IReadOnlyList<Session>>();
        var nothing = new TaskCompletionSource<IReadOnlyList<Session>>();
        var claims = 0;
        Claims().Returns(() => new ValueTask<IReadOnlyList<Session>>(Interlocked.Increment(ref claims) == 1 ? late.Task : nothing.Task)); // it is claimed once
        await using var node = await StartAsync();
        await Eventually.TrueAsync(async () => (await HealthAsync(node)).Status == HealthStatus.Degraded, "the answer is too late");
        nothing.SetResult([]);

        late.SetResult([new() { Hub = "probe", ConnectionId = "lost", NodeId = "gone", ConnectedAt = default }]);

        await Eventually.TrueAsync(() => _ended.Contains("lost NodeLost"), "the observer is told");
        Assert.Single(_ended);
    }

    [Fact]
    public async Task Claim_NeverAnswered_LeaseIsRenewedAllTheSame()
    {
        Claims().Returns(new ValueTask<IReadOnlyList<Session>>(new TaskCompletionSource<IReadOnlyList<Session>>().Task));
        var time = new FakeTimeProvider(); // on which a busy machine misses no heartbeat
        await using var node = await StartAsync(time);
        while (Calls(nameof(ISessionStore.ClaimExpiredAsync)) < 2)
        {
            await BeatAsync(); // the claim is given up and made again
        }

        // Each claim takes as long as the lease lasts; a node that waited for it would take its own sessions for lost.
        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Id.Id is 190 or 191);
        Assert.Equal(0, Calls(nameof(ISessionStore.ResetAsync)));
        var health = await HealthAsync(node);
        Assert.Equal(HealthStatus.Degraded, health.Status);
        Assert.StartsWith("Lost nodes cannot be looked for;", health.Entries.Values.Single().Description, StringComparison.Ordinal);

        Claims().ReturnsAsync([]);
        while ((await HealthAsync(node)).Status != HealthStatus.Healthy)
        {
            await BeatAsync(); // until the node can claim again
        }

        Assert.Single(node.Logs.GetSnapshot(), static record => record.Id.Id == 184);
        Assert.Single(node.Logs.GetSnapshot(), static record => record.Id.Id == 185);

        async Task BeatAsync()
        {
            var renewed = Calls(nameof(ISessionStore.RenewLeaseAsync));
            time.Advance(s_heartbeat);
            await Eventually.TrueAsync(() => Calls(nameof(ISessionStore.RenewLeaseAsync)) > renewed, "the lease is renewed");
        }
    }

    [Fact]
    public async Task Stop_StoreHeedsNoToken_EndsAllTheSame()
    {
        var never = new ValueTask(new TaskCompletionSource().Task);
        await using var node = await StartAsync();
        await using var client = await node.ConnectAsync();
        await Eventually.TrueAsync(() => Calls(nameof(ISessionStore.CommitAsync)) > 0, "the session is written");
        _store.Setup(store => store.CommitAsync(It.IsAny<string>(), It.IsAny<IReadOnlyList<SessionChange>>(), It.IsAny<CancellationToken>())).Returns(never);
        _store.Setup(store => store.RemoveNodeAsync(It.IsAny<string>(), It.IsAny<CancellationToken>())).Returns(never);
        var reading = client.ReceiveCloseAsync();

        await node.StopAsync().WithinGuardAsync();

        await reading;
        Assert.Contains(node.Logs.GetSnapshot(), static record => record.Id.Id == 180);
        Assert.Contains(node.Logs.GetSnapshot(), static record => record.Id.Id == 202);
        Assert.Contains(node.Logs.GetSnapshot(), static record => record.Id.Id == 201);
    }

    private int Calls(string method) => _store.Invocations.Count(call => call.Method.Name == method);

    private Moq.Language.Flow.ISetup<ISessionStore, ValueTask<bool>> Renews() =>
        _store.Setup(store => store.RenewLeaseAsync(It.IsAny<NodeInfo>(), It.IsAny<TimeSpan>(), It.IsAny<CancellationToken>()));

    private Moq.Language.Flow.ISetup<ISessionStore, ValueTask<IReadOnlyList<Session>>> Claims() =>
        _store.Setup(store => store.ClaimExpiredAsync(It.IsAny<string>(), It.IsAny<int>(), It.IsAny<CancellationToken>()));

    private Task<AppNode> StartAsync(TimeProvider? time = null)
    {
        var observer = new Mock<IClusterObserver>();
        observer.Setup(o => o.OnSessionEndedAsync(It.IsAny<SessionEnded>(), It.IsAny<CancellationToken>()))
            .Callback((SessionEnded ended, CancellationToken _) => _ended.Enqueue($"{ended.Session.ConnectionId} {ended.Cause}"));
        return AppNode.StartAsync(
            options: static options =>
            {
                options.LeaseExpiry = TimeSpan.FromSeconds(1);
                options.HeartbeatInterval = s_heartbeat;
            },
            build: sockets =>
            {
                sockets.Services.AddSingleton(time ?? TimeProvider.System);
                sockets.UseSessionStore(_ => _store.Object);
                sockets.Services.AddSingleton(observer.Object);
                sockets.Services.AddHealthChecks().AddDistributedWebSockets();
            });
    }

    private static Task<HealthReport> HealthAsync(AppNode node) => node.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Cancellation);
}
