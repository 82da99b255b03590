using System.Collections.Concurrent;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>Observers that are slow or never return, beside others.</summary>
public sealed class ClusterEventsTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task Observer_NeverReturns_TheOthersAreTold()
    {
        var gate = new TaskCompletionSource();
        var (bad, good) = (new Recorder { WaitsFor = gate.Task }, new Recorder());
        await using var node = await StartAsync(bad, good);
        var events = node.Services.GetRequiredService<ClusterEvents>();

        for (var i = 0; i < 3; i++)
        {
            events.SessionStarted(Session($"{i}"));
        }

        await Eventually.TrueAsync(() => good.Seen.Count == 3, "the other observer is told");
        Assert.Equal(["0", "1", "2"], good.Seen);
        Assert.Single(bad.Seen);
        gate.SetResult(); // so that the node can stop, whose clock stands still
    }

    [Fact]
    public async Task Observer_TakesTooLong_IsToldByItsTokenAndTheNextEventFollows()
    {
        var slow = new Recorder { WaitsForToken = true };
        await using var node = await StartAsync(slow);
        var events = node.Services.GetRequiredService<ClusterEvents>();
        events.SessionStarted(Session("0"));
        events.SessionStarted(Session("1"));
        await Eventually.TrueAsync(() => slow.Seen.Count == 1, "the observer waits");

        await AdvanceUntilAsync(() => slow.Seen.Count == 2, "the next event is told");
        Assert.Contains(node.Logs.GetSnapshot(), static record => record.Id.Id == 140);
        _time.Advance(ObserverQueue.CallLimit);
    }

    [Fact]
    public async Task Observer_DoesNotHeedItsToken_IsReportedAndWaitedFor()
    {
        var gate = new TaskCompletionSource();
        var deaf = new Recorder { WaitsFor = gate.Task };
        await using var node = await StartAsync(deaf);
        var events = node.Services.GetRequiredService<ClusterEvents>();
        events.SessionStarted(Session("0"));
        events.SessionStarted(Session("1"));
        await Eventually.TrueAsync(() => deaf.Seen.Count == 1, "the observer works");

        await AdvanceUntilAsync(() => node.Logs.GetSnapshot().Any(static record => record.Id.Id == 143), "it is reported");
        Assert.Single(deaf.Seen); // one event after the other, whatever it takes
        gate.SetResult();

        await Eventually.TrueAsync(() => deaf.Seen.Count == 2, "the next event is told");
    }

    [Fact]
    public async Task Observer_ReturnsInTheMomentInWhichItsTimeRunsOut_CountsAsReturned()
    {
        var gate = new TaskCompletionSource();
        var late = new Recorder { WaitsFor = gate.Task };
        await using var node = await StartAsync(late);
        var events = node.Services.GetRequiredService<ClusterEvents>();
        events.SessionStarted(Session("0"));
        events.SessionStarted(Session("1"));
        await Eventually.TrueAsync(() => late.Seen.Count == 1, "the observer works");

        using (OnTimeout.Run(gate.SetResult))
        {
            await AdvanceUntilAsync(() => late.Seen.Count == 2, "the next event is told");
        }

        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Id.Id is 140 or 143);
    }

    private static Session Session(string id) => new() { Hub = "probe", ConnectionId = id, NodeId = "n", ConnectedAt = default };

    private Task<AppNode> StartAsync(params IClusterObserver[] observers) => AppNode.StartAsync(build: sockets =>
    {
        sockets.Services.AddSingleton<TimeProvider>(_time);
        foreach (var observer in observers)
        {
            sockets.Services.AddSingleton(observer);
        }
    });

    /// <summary>Lets an observer's time run out, more than once: it may just be about to begin.</summary>
    private Task AdvanceUntilAsync(Func<bool> condition, string expectation) => Eventually.TrueAsync(
        () =>
        {
            _time.Advance(ObserverQueue.CallLimit);
            return condition();
        },
        expectation);

    private sealed class Recorder : IClusterObserver
    {
        internal ConcurrentQueue<string> Seen { get; } = new();

        internal bool WaitsForToken { get; init; }

        internal Task WaitsFor { get; init; } = Task.CompletedTask;

        public async ValueTask OnSessionStartedAsync(Session session, CancellationToken cancellationToken)
        {
            Seen.Enqueue(session.ConnectionId);
            await (WaitsForToken ? Task.Delay(Timeout.Infinite, cancellationToken) : WaitsFor);
        }
    }
}
