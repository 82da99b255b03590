using System.Globalization;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>Starts and stops this node with the host: once, whoever asks, and in whatever order.</summary>
/// <remarks>
/// Starts before any other hosted service and drains before any other stops: while connections are closed the server still
/// listens, and answers newcomers with 503.
/// </remarks>
internal sealed partial class NodeService(
    LocalNode node,
    IBackplane backplane,
    EnvelopeSorter sorter,
    HubLogs logs,
    ResumableSessions sessions,
    AwaySessions away,
    EnvelopeKeyRing keys,
    ChannelReconciler reconciler,
    ForeignCommands commands,
    ISessionStore store,
    SessionCommitter committer,
    PresenceService presence,
    NodeHeartbeat heartbeat,
    ClusterEvents events,
    Drain drain,
    KeepAlive keepAlive,
    LossReporter losses,
    NodeHealth health,
    Hubs hubs,
    HubOptionsCheck hubOptions,
    DistributedWebSocketsMetrics metrics,
    TimeProvider time,
    FailSafeLogger<NodeService> logger) : IHostedLifecycleService, IAsyncDisposable, IDisposable
{
    /// <summary>How long writing the last sessions and signing off may take.</summary>
    internal static readonly TimeSpan LastWords = TimeSpan.FromSeconds(5);

    /// <summary>How long a thread that disposes synchronously is held up; what takes longer goes on without it.</summary>
    private static readonly TimeSpan s_patience = 2 * LastWords;

    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _ending = new();
    private bool _hasSignedOn;
    private Task? _started;
    private Task? _stopped;

    public Task StartingAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_started is not null || _stopped is not null)
            {
                throw new InvalidOperationException("The node has been started or stopped before, and a node runs only once. Build another host.");
            }

            return _started = Task.Run(() => StartAllAsync(cancellationToken), CancellationToken.None);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => drain.RunAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => StopOnceAsync();

    /// <summary>For a host that is disposed without having been stopped.</summary>
    public ValueTask DisposeAsync() => new(StopOnceAsync());

    public void Dispose()
    {
        var stopped = StopOnceAsync();
        stopped.Observe();
        Task.WaitAny([stopped], s_patience);
    }

    private async Task StartAllAsync(CancellationToken cancellationToken)
    {
        using var starting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _ending.Token);
        try
        {
            hubOptions.Run();
            metrics.Observe(hubs, away);
            events.Start();
            await backplane.StartAsync(sorter, starting.Token);
            starting.Token.ThrowIfCancellationRequested();
            node.IsStarted = true;
            await logs.StartAsync(starting.Token);
            reconciler.Start();
            keepAlive.Start();
            sessions.Start();
            _hasSignedOn = true;
            presence.Start();
            await heartbeat.StartAsync(starting.Token);
            committer.Start();
            LogStarted();
        }
        catch
        {
            await StopAllAsync();
            throw;
        }
    }

    private void LogStarted()
    {
        Log.Started(logger, node.Info.NodeId, backplane.System);
        if (health.Outage is { } outage)
        {
            Log.StartedWithout(logger, node.Info.NodeId, outage);
        }

        if (keys.Sealing is { } key)
        {
            Log.Sealing(logger, node.Info.NodeId, key.Id.ToString("x8", CultureInfo.InvariantCulture), keys.Count);
        }

        if (RuntimeCheck.IsVulnerable(Environment.Version))
        {
            Log.RuntimeVulnerable(logger, Environment.Version);
        }
    }

    private Task StopOnceAsync()
    {
        lock (_gate)
        {
            return _stopped ??= _started is { } started ? Task.Run(() => StopAsync(started)) : Task.CompletedTask;
        }
    }

    private async Task StopAsync(Task started)
    {
        await _ending.CancelAllAsync(); // for a start that is still under way, and then undoes what it did
        try
        {
            await started.WaitAsync(LastWords, time);
        }
        catch (Exception)
        {
            return; // told to whoever started it
        }

        await StopAllAsync();
    }

    /// <summary>Stops what was started, be it all or a part.</summary>
    private async Task StopAllAsync()
    {
        await drain.CutAsync();

        // A little time of its own: the host's may have been used up by connections that did not end.
        using var lastWords = new TimeLimit(LastWords, time);
        await keepAlive.StopAsync();
        using (var half = new TimeLimit(LastWords / 2, time, lastWords.Token))
        {
            await sessions.StopAsync(half.Token); // a log that is away must not keep the node from signing off
        }

        await heartbeat.StopAsync(lastWords.Token);
        await reconciler.StopAsync(lastWords.Token);
        await committer.StopAsync(lastWords.Token);
        await presence.StopAsync(lastWords.Token);
        if (_hasSignedOn)
        {
            await SignOffAsync(lastWords.Token);
        }

        await commands.StopAsync(lastWords.Token);
        losses.Flush();
        await events.StopAsync(lastWords.Token); // observers may still send
        node.IsStarted = false;
        await logs.StopAsync(lastWords.Token);
        await sorter.StopAsync();
        Log.Stopped(logger, node.Info.NodeId);
    }

    private async Task SignOffAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (sessions.Any)
            {
                // Removed with the node nobody would go on with them: it is left to be claimed.
                await new ValueTask(heartbeat.LetExpireAsync(cancellationToken).AsTask()).WithinAsync(cancellationToken);
                Log.SessionsLeft(logger, node.Info.NodeId);
            }
            else
            {
                await store.RemoveNodeAsync(node.Info.NodeId, cancellationToken).WithinAsync(cancellationToken);
            }
        }
        catch (Exception exception)
        {
            Log.RemoveFailed(logger, node.Info.NodeId, exception);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(200, LogLevel.Information, "Node {NodeId} started with backplane {Backplane}.")]
        public static partial void Started(ILogger logger, string nodeId, string backplane);

        [LoggerMessage(208, LogLevel.Warning, "Node {NodeId} has started all the same, goes on trying and needs no restart. {Outage}")]
        public static partial void StartedWithout(ILogger logger, string nodeId, string outage);

        [LoggerMessage(201, LogLevel.Information, "Node {NodeId} stopped.")]
        public static partial void Stopped(ILogger logger, string nodeId);

        [LoggerMessage(202, LogLevel.Warning, "Node {NodeId} could not sign off from the session store; its lease runs out by itself.")]
        public static partial void RemoveFailed(ILogger logger, string nodeId, Exception exception);

        [LoggerMessage(324, LogLevel.Information, "Node {NodeId} leaves sessions whose clients have not come back to the other nodes: its lease runs out within a second, and one of them claims them.")]
        public static partial void SessionsLeft(ILogger logger, string nodeId);

        [LoggerMessage(205, LogLevel.Warning, "This .NET runtime, {Version}, has WebSockets that clients can attack (CVE-2026-62901). Update it to 10.0.11 or later.")]
        public static partial void RuntimeVulnerable(ILogger logger, Version version);

        [LoggerMessage(206, LogLevel.Information, "Node {NodeId} seals envelopes with key {KeyId}, and opens those of {Count} keys.")]
        public static partial void Sealing(ILogger logger, string nodeId, string keyId, int count);
    }
}
