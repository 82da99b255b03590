using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Reflection;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DistributedSockets.Tests;

/// <summary>Code of the app's runs in the midst of ours: listeners of the metrics, loggers, observers. It may throw wherever it is called.</summary>
[Collection(nameof(ForeignCodeTests))]
public sealed class ForeignCodeTests
{
    private readonly InMemoryCluster _cluster = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Cluster_ListenersLoggersAndObserversThrow_EverythingWorksAndNothingIsLeft()
    {
        var outstanding = SharedFrame.Outstanding;
        var backplane = new FakeBackplane(_cluster);
        var (here, lines, losses) = await StartAsync(sockets => sockets.UseBackplane(_ => backplane));
        await using var first = here;
        var (there, _, _) = await StartAsync();
        await using var second = there;
        using var sent = new MetricSum(here, "distributed_sockets.sent_frames"); // before those that throw, which keep it from those behind them
        using var active = new MetricSum(here, "distributed_sockets.active_connections");
        using var dropped = new MetricSum(there, "distributed_sockets.dropped_frames");
        using var listenerHere = new ThrowingListener(here);
        using var listenerThere = new ThrowingListener(there);
        await using var near = await here.ConnectAsync("ann");
        await using var far = await there.ConnectAsync("ben");
        await here.Router.AddToGroupAsync(near.Id, "red", Cancellation);
        await here.Router.AddToGroupAsync(far.Id, "red", Cancellation);
        Assert.Equal((1, 1), (sent.Value, active.Value));

        await SendToEveryTargetAsync(here, near, far);
        Assert.Equal(1 + 7, sent.Value);
        await SendToEveryTargetAsync(there, far, near);
        Assert.Equal(1 + 7 + 6, sent.Value);
        await near.SendAsync("echo");
        Assert.Equal("echo", await near.ReceiveTextAsync());

        await here.Router.RemoveFromGroupAsync(far.Id, "red", Cancellation);
        await there.Router.RemoveFromAllGroupsAsync(near.Id, Cancellation);
        await here.Router.SendToGroupAsync("red", "for nobody", Cancellation);
        await AssertHandlerThatThrowsAsync(here);
        await AssertSlowConsumerAsync(here, there, near, far);
        Assert.InRange(dropped.Value, 1, int.MaxValue);

        await AssertOutagesAsync(here, backplane, losses, near, far);
        await SendToAllAsync(there, near, far, "after the outages");

        await there.Router.DisconnectUserAsync("ann", WebSocketCloseStatus.PolicyViolation, cancellationToken: Cancellation);
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, (await near.ReceiveCloseAsync()).Status);
        await here.Router.DisconnectAsync(far.Id, cancellationToken: Cancellation);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, (await far.ReceiveCloseAsync()).Status);
        await using var last = await here.ConnectAsync("cid");
        var stop = here.StopAsync();
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, (await last.ReceiveCloseAsync()).Status);
        await stop.WithinGuardAsync();
        await there.StopAsync().WithinGuardAsync();

        Assert.Equal(0, active.Value);
        Assert.InRange(lines.Lines, 10, int.MaxValue);
        Assert.Contains(here.Logs.GetSnapshot(), static record => record.Id.Id == 207);
        await Eventually.TrueAsync(() => SharedFrame.Outstanding <= outstanding, "every frame is released");
    }

    [Fact]
    public void Runtime_LogsWithFailSafeLoggersOnly()
    {
        var offenders = typeof(LocalDelivery).Assembly.GetTypes()
            .Where(static type => !type.Name.StartsWith("FailSafeLogger", StringComparison.Ordinal))
            .SelectMany(static type => type.GetConstructors(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic))
            .Where(static constructor => constructor.GetParameters().Any(static parameter =>
                parameter.ParameterType == typeof(ILogger)
                || (parameter.ParameterType.IsGenericType && parameter.ParameterType.GetGenericTypeDefinition() == typeof(ILogger<>))))
            .Select(static constructor => constructor.DeclaringType?.Name);

        Assert.Empty(offenders);
    }

    private async Task<(AppNode Node, ThrowingLoggerProvider Lines, LossObserver Losses)> StartAsync(Action<IDistributedWebSocketsBuilder>? build = null)
    {
        var lines = new ThrowingLoggerProvider();
        var losses = new LossObserver();
        var node = await AppNode.StartAsync(_cluster, options => options.OutboundQueueFrames = 16, sockets =>
        {
            sockets.Services.AddSingleton<ILoggerProvider>(lines);
            sockets.Services.AddSingleton<IClusterObserver, ThrowingObserver>();
            sockets.Services.AddSingleton<IClusterObserver>(losses);
            build?.Invoke(sockets);
        });
        return (node, lines, losses);
    }

    /// <summary>Seven messages for the one client, and six for the other.</summary>
    private static async Task SendToEveryTargetAsync(AppNode sender, TestClient one, TestClient other)
    {
        var users = sender.Hub.User("ann").Count == 1 ? new[] { "ann", "ben" } : ["ben", "ann"];
        foreach (var (target, both) in new[]
        {
            (WebSocketTarget.All, true), (WebSocketTarget.User(users[0]), false), (WebSocketTarget.Users(users), true), (WebSocketTarget.Group("red"), true),
            (WebSocketTarget.Groups(["red", "blue"]), true), (WebSocketTarget.Connection(one.Id), false), (WebSocketTarget.Connections([one.Id, other.Id]), true),
        })
        {
            var text = Guid.NewGuid().ToString();
            await sender.Router.SendAsync(target, WebSocketMessage.Text(text), Cancellation);
            Assert.Equal(text, await one.ReceiveTextAsync());
            if (both)
            {
                Assert.Equal(text, await other.ReceiveTextAsync());
            }
        }

        await sender.Router.SendToConnectionAsync(other.Id, "last", Cancellation);
        Assert.Equal("last", await other.ReceiveTextAsync());
    }

    private static async Task SendToAllAsync(AppNode sender, TestClient near, TestClient far, string text)
    {
        await sender.Router.SendToAllAsync(text, Cancellation);
        Assert.Equal(text, await near.ReceiveTextAsync());
        Assert.Equal(text, await far.ReceiveTextAsync());
    }

    private static async Task AssertHandlerThatThrowsAsync(AppNode node)
    {
        var onMessage = node.Probe.OnMessage;
        node.Probe.OnMessage = static (_, _, _) => throw new InvalidOperationException("A handler that throws.");
        await using var client = await node.ConnectAsync();
        await client.SendAsync("go");
        Assert.Equal(WebSocketCloseStatus.InternalServerError, (await client.ReceiveCloseAsync()).Status);
        node.Probe.OnMessage = onMessage;
    }

    /// <summary>A connection of the other node that takes nothing is closed; everybody else gets every message.</summary>
    private static async Task AssertSlowConsumerAsync(AppNode here, AppNode there, TestClient near, TestClient far)
    {
        var stream = new StuckStream();
        var slow = new Connection(
            new DefaultHttpContext(),
            WebSocket.CreateFromStream(new MemoryStream(), new()),
            new TapStream(Stream.Null, PipeWriter.Create(stream), TimeProvider.System),
            there.Hub.Name,
            null,
            there.Services.GetRequiredService<ConnectionServices>());
        there.Hub.Add(slow);
        for (var i = 0; i < 40; i++)
        {
            await SendToAllAsync(here, near, far, $"{i}");
        }

        await Eventually.TrueAsync(() => slow.Reason is not null, "the slow connection is closed");
        Assert.Equal(DisconnectKind.SlowConsumer, slow.Reason?.Kind);
        stream.Release();
        there.Hub.Remove(slow);
        await slow.EndAsync().WithinGuardAsync();
        await slow.DisposeAsync().WithinGuardAsync();
    }

    private static async Task AssertOutagesAsync(AppNode here, FakeBackplane backplane, LossObserver losses, TestClient near, TestClient far)
    {
        backplane.Failure = new IOException("cut");
        backplane.Receiver.OnUnavailable(backplane.Failure);
        await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await here.Router.SendToAllAsync("served here", Cancellation));
        Assert.Equal("served here", await near.ReceiveTextAsync());
        await here.Router.AddToGroupAsync(near.Id, "later", Cancellation);
        backplane.Failure = null;
        backplane.Receiver.OnAvailable();
        await Eventually.TrueAsync(() => losses.Seen.Any(static loss => loss.Cause == PossibleLossCause.BackplaneReconnected), "the outage is reported");
        await Eventually.TrueAsync(() => backplane.Count($"subscribe {here.Hub.GroupChannel("later")}") > 0, "what was joined meanwhile is subscribed");

        backplane.Receiver.OnPartlyUnavailable(new IOException("server 2 of 2"));
        Assert.True(here.Services.GetRequiredService<NodeHealth>().IsBackplanePartlyAway);
        backplane.Receiver.OnAvailable();
        Assert.False(here.Services.GetRequiredService<NodeHealth>().IsBackplanePartlyAway);
        await Eventually.TrueAsync(() => losses.Seen.Any(static loss => loss.Description.Contains("server 2 of 2", StringComparison.Ordinal)), "that is reported, too");

        backplane.Receiver.OnReceived(here.Hub.AllChannel, new byte[] { 1, 2, 3 });
        backplane.Receiver.OnPossibleLoss("told by the transport");
        await Eventually.TrueAsync(
            () => losses.Seen.Any(static loss => loss.Cause == PossibleLossCause.UnreadableEnvelope) && losses.Seen.Any(static loss => loss.Cause == PossibleLossCause.Transport),
            "both are reported");
        await SendToAllAsync(here, near, far, "all is well");
    }

    [CollectionDefinition(nameof(ForeignCodeTests), DisableParallelization = true)]
    public sealed class Alone; // since frames are counted for the whole process

    private sealed class ThrowingObserver : IClusterObserver
    {
        public ValueTask OnSessionStartedAsync(Session session, CancellationToken cancellationToken) => throw new InvalidOperationException("An observer that throws.");

        public ValueTask OnSessionEndedAsync(SessionEnded ended, CancellationToken cancellationToken) => throw new InvalidOperationException("An observer that throws.");

        public ValueTask OnPossibleLossAsync(PossibleLoss loss, CancellationToken cancellationToken) => throw new InvalidOperationException("An observer that throws.");
    }

    /// <summary>Takes nothing until it is released.</summary>
    private sealed class StuckStream : MemoryStream
    {
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => new(_released.Task);

        internal void Release() => _released.TrySetResult();
    }
}
