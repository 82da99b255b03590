using System.Buffers;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
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

    private readonly ConcurrentDictionary<Guid, Waiting> _waiting = new();
    private readonly ConcurrentDictionary<HubConnections, bool> _answerable = new();
    private readonly RareLog _tooManyLog = new(1, time);
    private readonly RareLog _failedLog = new(1, time);
    private readonly RareLog _unansweredLog = new(1, time);
    private int _running;
    private TaskCompletionSource? _idle;

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
                await ExecuteHereAsync(hub, command, cancellationToken),
            var nodeId => await AskAsync(hub, nodeId.ToString(), command, cancellationToken),
        };

        switch (outcome)
        {
            case RemoteCommandOutcome.NotFound:
                throw new ConnectionNotFoundException($"Hub '{hub.Name}' has no connection '{command.Subject}'. It may have ended.");
            case RemoteCommandOutcome.BackplaneAway:
                throw new BackplaneUnavailableException(
                    $"The node of connection '{command.Subject}' is cut off from the backplane, so the connection was not added to the group. Try again later.");
            case RemoteCommandOutcome.Refused:
                throw new BackplaneRefusedException(
                    $"The transport of the backplane refuses the channel of group '{command.Group}' to the node of connection '{command.Subject}', so the " +
                    "connection was not added to the group. That node's health check and log event 172 say why.");
            case RemoteCommandOutcome.TooManyGroups:
                throw new InvalidOperationException(
                    $"Connection '{command.Subject}' is in as many groups as a connection may be in, so it was not added to '{command.Group}'. " +
                    "Remove it from others, or raise DistributedWebSocketsOptions.MaxGroupsPerConnection at its node.");
        }
    }

    /// <summary>Takes an answer of another node; one that was not asked, or not for this, is passed over.</summary>
    internal void OnReply(HubConnections hub, ReadOnlySpan<byte> origin, Guid requestId, RemoteCommandOutcome outcome)
    {
        if (_waiting.TryGetValue(requestId, out var waiting) && ReferenceEquals(waiting.Hub, hub) && Ascii.Equals(origin, waiting.NodeId))
        {
            waiting.Answer.TrySetResult(outcome);
        }
    }

    /// <summary>Takes a command of another node, and answers it if it asks for an answer. Never waits.</summary>
    internal void OnCommand(HubConnections hub, Guid requestId, string originNodeId, in RemoteCommand command)
    {
        if (Interlocked.Increment(ref _running) > MaxRunning)
        {
            OnEnded();
            metrics.EnvelopeDropped("too_many_commands");
            if (_tooManyLog.TryPass(out var others))
            {
                Log.TooManyCommands(logger, MaxRunning, others);
            }

            return;
        }

        RunAsync(hub, requestId, originNodeId, command).Observe(); // fails only where a logger does; StopAsync waits for it
    }

    /// <summary>Waits for the commands in work, for as long as the token allows.</summary>
    internal async Task StopAsync(CancellationToken cancellationToken)
    {
        var idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref _idle, idle); // before the count is read: whoever ends the last one sees it, or is seen here
        if (Volatile.Read(ref _running) == 0)
        {
            return;
        }

        await idle.Task.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void OnEnded()
    {
        if (Interlocked.Decrement(ref _running) == 0)
        {
            Volatile.Read(ref _idle)?.TrySetResult();
        }
    }

    /// <summary>An id that nobody can guess: whoever can publish could else answer in another node's name.</summary>
    private static Guid NewRequestId()
    {
        Span<byte> random = stackalloc byte[16];
        RandomNumberGenerator.Fill(random);
        return new(random);
    }

    private async ValueTask<RemoteCommandOutcome> ExecuteHereAsync(HubConnections hub, RemoteCommand command, CancellationToken cancellationToken)
    {
        var execution = executor.ExecuteAsync(hub, command).AsTask();
        execution.Observe(); // it may fail when its caller has gone
        return await execution.WaitAsync(cancellationToken);
    }

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

        var requestId = NewRequestId();
        var waiting = new Waiting(hub, nodeId);
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
                await ((Task)waiting.Answer.Task).WaitAsync(grace, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
                return waiting.Answer.Task.IsCompletedSuccessfully ? waiting.Answer.Task.Result : RemoteCommandOutcome.NotFound;
            }

            return await waiting.Answer.Task.WaitAsync(options.Value.RemoteCommandTimeout, time, cancellationToken);
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
            Func<CancellationToken, ValueTask<IReadOnlyList<NodeInfo>>> list = store.ListNodesAsync;
            var live = await list.WithinAsync("The session store", options.Value.RemoteCommandTimeout, time, cancellationToken);
            return live.Count > 1 && live.Any(other => other.NodeId == node.Info.NodeId) && live.All(other => other.NodeId != nodeId);
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            return false; // a store that fails says nothing about the node; the answer, or its absence, does
        }
    }

    private async Task RunAsync(HubConnections hub, Guid requestId, string originNodeId, RemoteCommand command)
    {
        try
        {
            await AnswerAsync(hub, requestId, originNodeId, await ExecuteAsync(hub, command));
        }
        catch (BackplaneUnavailableException exception)
        {
            if (_unansweredLog.TryPass(out var others))
            {
                Log.ReplyFailed(logger, originNodeId, others, exception);
            }
        }
        catch (Exception exception)
        {
            if (_failedLog.TryPass(out var others))
            {
                Log.CommandFailed(logger, command.Kind, originNodeId, others, exception);
            }
        }
        finally
        {
            OnEnded();
        }
    }

    private async ValueTask<RemoteCommandOutcome> ExecuteAsync(HubConnections hub, RemoteCommand command)
    {
        try
        {
            return await executor.ExecuteAsync(hub, command);
        }
        catch (BackplaneRefusedException)
        {
            return RemoteCommandOutcome.Refused;
        }
        catch (BackplaneUnavailableException)
        {
            return RemoteCommandOutcome.BackplaneAway;
        }
    }

    private async ValueTask AnswerAsync(HubConnections hub, Guid requestId, string originNodeId, RemoteCommandOutcome outcome)
    {
        if (requestId != Guid.Empty)
        {
            await PublishAsync(hub.NodeChannel(originNodeId), writer.WriteReply(requestId, outcome, out var length), length, CancellationToken.None);
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

    /// <summary>A command that waits for the answer of the node that was asked.</summary>
    private sealed class Waiting(HubConnections hub, string nodeId)
    {
        internal HubConnections Hub => hub;

        internal string NodeId => nodeId;

        internal TaskCompletionSource<RemoteCommandOutcome> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private static partial class Log
    {
        [LoggerMessage(120, LogLevel.Warning, "More than {Count} commands of other nodes are in work; one was dropped, and its sender gets no answer. {Others} more were dropped since the last report.")]
        public static partial void TooManyCommands(ILogger logger, int count, int others);

        [LoggerMessage(122, LogLevel.Error, "Command {Command} of node {NodeId} failed; its sender gets no answer. {Others} more have failed since the last report.")]
        public static partial void CommandFailed(ILogger logger, RemoteCommandKind command, string nodeId, int others, Exception exception);

        [LoggerMessage(121, LogLevel.Warning, "A command of node {NodeId} was carried out, but the answer could not be sent. The same happened to {Others} more since the last report.")]
        public static partial void ReplyFailed(ILogger logger, string nodeId, int others, Exception exception);
    }
}
