using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Sends commands to other nodes and waits for their answers, and answers theirs.</summary>
internal sealed partial class RemoteCommands(
    LocalNode node,
    BackplanePublisher publisher,
    ChannelSubscriptions subscriptions,
    CommandExecutor executor,
    EnvelopeWriter writer,
    IOptions<DistributedWebSocketsOptions> options,
    TimeProvider time,
    ISessionStore store,
    DistributedWebSocketsMetrics metrics,
    ILogger<RemoteCommands> logger)
{
    /// <summary>How many commands of other nodes are worked on at once; more are not answered.</summary>
    private const int MaxRunning = 4_096;

    /// <summary>How long a node that the session store does not list may still take to answer.</summary>
    private static readonly TimeSpan s_goneGrace = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<ulong, TaskCompletionSource<RemoteCommandOutcome>> _waiting = new();
    private readonly ConcurrentDictionary<HubConnections, bool> _answerable = new();
    private readonly ConcurrentDictionary<Task, bool> _running = new();
    private readonly RareLog _tooManyLog = new(1, time);
    private readonly RareLog _failedLog = new(1, time);
    private readonly RareLog _unansweredLog = new(1, time);
    private ulong _lastRequestId;

    /// <summary>Has a command about one connection done, wherever the connection lives.</summary>
    /// <exception cref="ConnectionNotFoundException">There is no such connection.</exception>
    /// <exception cref="RemoteCommandTimeoutException">The node did not answer.</exception>
    /// <exception cref="BackplaneUnavailableException">The backplane is away, here or there.</exception>
    /// <exception cref="InvalidOperationException">The connection is in too many groups.</exception>
    internal async ValueTask InvokeAsync(HubConnections hub, RemoteCommand command, CancellationToken cancellationToken)
    {
        var outcome = ConnectionId.NodeOf(command.Subject) switch
        {
            [] => RemoteCommandOutcome.NotFound,
            var nodeId when nodeId.SequenceEqual(node.Info.NodeId) =>
                await executor.ExecuteAsync(hub, command).AsTask().WaitAsync(cancellationToken),
            var nodeId => await AskAsync(hub, nodeId.ToString(), command, cancellationToken),
        };

        switch (outcome)
        {
            case RemoteCommandOutcome.NotFound:
                throw new ConnectionNotFoundException($"Hub '{hub.Name}' has no connection '{command.Subject}'. It may have ended.");
            case RemoteCommandOutcome.BackplaneAway:
                throw new BackplaneUnavailableException(
                    $"The node of connection '{command.Subject}' is cut off from the backplane, so the connection was not added to the group. Try again later.");
            case RemoteCommandOutcome.TooManyGroups:
                throw new InvalidOperationException(
                    $"Connection '{command.Subject}' is in as many groups as a connection may be in, so it was not added to '{command.Group}'. " +
                    "Remove it from others, or raise DistributedWebSocketsOptions.MaxGroupsPerConnection at its node.");
        }
    }

    /// <summary>Takes an answer of another node.</summary>
    internal void OnReply(ulong requestId, RemoteCommandOutcome outcome)
    {
        if (_waiting.TryRemove(requestId, out var waiting))
        {
            waiting.TrySetResult(outcome);
        }
    }

    /// <summary>Takes a command of another node, and answers it if it asks for an answer. Never waits.</summary>
    internal void OnCommand(HubConnections hub, ulong requestId, string originNodeId, in RemoteCommand command)
    {
        if (_running.Count >= MaxRunning)
        {
            metrics.EnvelopeDropped("too_many_commands");
            if (_tooManyLog.TryPass(out var others))
            {
                Log.TooManyCommands(logger, MaxRunning, others);
            }

            return;
        }

        var running = RunAsync(hub, requestId, originNodeId, command);
        if (!running.IsCompleted)
        {
            _running.TryAdd(running, true);
            running.ContinueWith(
                static (task, state) => ((ConcurrentDictionary<Task, bool>)state!).TryRemove(task, out _),
                _running,
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }
    }

    /// <summary>Waits for the commands in work, for as long as the token allows.</summary>
    internal async Task StopAsync(CancellationToken cancellationToken) =>
        await Task.WhenAll(_running.Keys).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private async ValueTask<RemoteCommandOutcome> AskAsync(HubConnections hub, string nodeId, RemoteCommand command, CancellationToken cancellationToken)
    {
        if (!_answerable.ContainsKey(hub))
        {
            await subscriptions.AcquireAsync(hub.OwnChannel, keep: false); // for as long as the process lives
            if (!_answerable.TryAdd(hub, true))
            {
                subscriptions.Release(hub.OwnChannel);
            }
        }

        var requestId = Interlocked.Increment(ref _lastRequestId);
        var waiting = new TaskCompletionSource<RemoteCommandOutcome>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[requestId] = waiting;
        try
        {
            // Nobody listens on the channel of a node that is gone or has no connection of this hub.
            var receivers = await PublishAsync(
                hub.NodeChannel(nodeId), writer.WriteCommand(requestId, command, out var length), length, cancellationToken);
            if (receivers == 0)
            {
                return RemoteCommandOutcome.NotFound;
            }

            if (receivers is null && await IsKnownToBeGoneAsync(nodeId, cancellationToken))
            {
                // It may only have lost its lease, and then it answers.
                var grace = s_goneGrace < options.Value.RemoteCommandTimeout ? s_goneGrace : options.Value.RemoteCommandTimeout;
                await ((Task)waiting.Task).WaitAsync(grace, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
                return waiting.Task.IsCompletedSuccessfully ? waiting.Task.Result : RemoteCommandOutcome.NotFound;
            }

            return await waiting.Task.WaitAsync(options.Value.RemoteCommandTimeout, time, cancellationToken);
        }
        catch (TimeoutException exception)
        {
            throw new RemoteCommandTimeoutException(
                $"The node of connection '{command.Subject}' did not answer within {options.Value.RemoteCommandTimeout}. The command may have been carried out.",
                exception);
        }
        finally
        {
            _waiting.TryRemove(requestId, out _);
        }
    }

    /// <summary>Asks the session store, where the backplane cannot tell whether anybody listens.</summary>
    private async ValueTask<bool> IsKnownToBeGoneAsync(string nodeId, CancellationToken cancellationToken)
    {
        try
        {
            // A store that lists this node alone may not be shared, or may have lost what it knew.
            var live = await store.ListNodesAsync(cancellationToken).AsTask().WaitAsync(options.Value.RemoteCommandTimeout, time, cancellationToken);
            return live.Count > 1 && live.Any(other => other.NodeId == node.Info.NodeId) && live.All(other => other.NodeId != nodeId);
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            return false; // a store that fails says nothing about the node; the answer, or its absence, does
        }
    }

    private async Task RunAsync(HubConnections hub, ulong requestId, string originNodeId, RemoteCommand command)
    {
        RemoteCommandOutcome outcome;
        try
        {
            outcome = await executor.ExecuteAsync(hub, command);
        }
        catch (BackplaneUnavailableException)
        {
            outcome = RemoteCommandOutcome.BackplaneAway;
        }
        catch (Exception exception)
        {
            if (_failedLog.TryPass(out var others))
            {
                Log.CommandFailed(logger, command.Kind, originNodeId, others, exception);
            }

            return;
        }

        if (requestId == 0)
        {
            return;
        }

        try
        {
            await PublishAsync(hub.NodeChannel(originNodeId), writer.WriteReply(requestId, outcome, out var length), length, CancellationToken.None);
        }
        catch (BackplaneUnavailableException exception)
        {
            if (_unansweredLog.TryPass(out var others))
            {
                Log.ReplyFailed(logger, originNodeId, others, exception);
            }
        }
    }

    private async ValueTask<long?> PublishAsync(string channel, byte[] envelope, int length, CancellationToken cancellationToken)
    {
        try
        {
            return await publisher.PublishAsync(channel, envelope.AsMemory(0, length), cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(envelope);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(120, LogLevel.Warning, "More than {Count} commands of other nodes are in work; one was not carried out, and its sender gets no answer. Nor were {Others} since the last report.")]
        public static partial void TooManyCommands(ILogger logger, int count, int others);

        [LoggerMessage(122, LogLevel.Error, "Command {Command} of node {NodeId} failed; its sender gets no answer. So did {Others} since the last report.")]
        public static partial void CommandFailed(ILogger logger, RemoteCommandKind command, string nodeId, int others, Exception exception);

        [LoggerMessage(121, LogLevel.Warning, "A command of node {NodeId} was carried out, but the answer could not be sent. So were {Others} since the last report.")]
        public static partial void ReplyFailed(ILogger logger, string nodeId, int others, Exception exception);
    }
}
