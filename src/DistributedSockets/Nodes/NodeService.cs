using System.Globalization;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Starts and stops this node with the host.</summary>
/// <remarks>
/// Starts before any other hosted service and drains before any other stops: while connections are closed the server still
/// listens, and answers newcomers with 503.
/// </remarks>
internal sealed partial class NodeService(
    LocalNode node,
    IBackplane backplane,
    EnvelopeSorter sorter,
    EnvelopeKeyRing keys,
    ChannelReconciler reconciler,
    RemoteCommands commands,
    ISessionStore store,
    SessionCommitter committer,
    NodeHeartbeat heartbeat,
    ClusterEvents events,
    Drain drain,
    KeepAlive keepAlive,
    LossReporter losses,
    Hubs hubs,
    DistributedWebSocketsMetrics metrics,
    TimeProvider time,
    ILogger<NodeService> logger) : IHostedLifecycleService, IAsyncDisposable
{
    /// <summary>How long writing the last sessions and signing off may take.</summary>
    internal static readonly TimeSpan LastWords = TimeSpan.FromSeconds(5);

    private int _running;

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        _running = 1;
        metrics.Observe(hubs);
        events.Start();
        await backplane.StartAsync(sorter, cancellationToken);
        node.IsStarted = true;
        reconciler.Start();
        keepAlive.Start();
        await heartbeat.StartAsync();
        committer.Start();
        Log.Started(logger, node.Info.NodeId, backplane.System);
        if (keys.Sealing is { } key)
        {
            Log.Sealing(logger, node.Info.NodeId, key.Id.ToString("x8", CultureInfo.InvariantCulture), keys.Count);
        }

        if (RuntimeCheck.IsVulnerable(Environment.Version))
        {
            Log.RuntimeVulnerable(logger, Environment.Version);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => drain.RunAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StoppedAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _running, 0) == 0)
        {
            return;
        }

        // A little time of its own: the host's may have been used up by connections that did not end.
        using var lastWords = new CancellationTokenSource(LastWords, time);
        await keepAlive.StopAsync();
        await heartbeat.StopAsync(lastWords.Token);
        await reconciler.StopAsync(lastWords.Token);
        await committer.StopAsync(lastWords.Token);
        try
        {
            await store.RemoveNodeAsync(node.Info.NodeId, lastWords.Token);
        }
        catch (Exception exception)
        {
            Log.RemoveFailed(logger, node.Info.NodeId, exception);
        }

        await commands.StopAsync(lastWords.Token);
        losses.Flush();
        await events.StopAsync(lastWords.Token); // observers may still send
        node.IsStarted = false;
        await sorter.StopAsync();
        Log.Stopped(logger, node.Info.NodeId);
    }

    /// <summary>For a host that is disposed without having been stopped.</summary>
    public async ValueTask DisposeAsync() => await StoppedAsync(CancellationToken.None);

    private static partial class Log
    {
        [LoggerMessage(200, LogLevel.Information, "Node {NodeId} started with backplane {Backplane}.")]
        public static partial void Started(ILogger logger, string nodeId, string backplane);

        [LoggerMessage(201, LogLevel.Information, "Node {NodeId} stopped.")]
        public static partial void Stopped(ILogger logger, string nodeId);

        [LoggerMessage(202, LogLevel.Warning, "Node {NodeId} could not sign off from the session store; its lease runs out by itself.")]
        public static partial void RemoveFailed(ILogger logger, string nodeId, Exception exception);

        [LoggerMessage(205, LogLevel.Warning, "This .NET runtime, {Version}, has WebSockets that clients can attack (CVE-2026-62901). Update it to 10.0.11 or later.")]
        public static partial void RuntimeVulnerable(ILogger logger, Version version);

        [LoggerMessage(206, LogLevel.Information, "Node {NodeId} seals envelopes with key {KeyId}, and opens those of {Count} keys.")]
        public static partial void Sealing(ILogger logger, string nodeId, string keyId, int count);
    }
}
