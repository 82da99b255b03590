using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Carries out what other nodes ask for, and answers them.</summary>
internal sealed partial class ForeignCommands(
    CommandExecutor executor,
    BackplanePublisher publisher,
    EnvelopeWriter writer,
    EnvelopeKnowledge knowledge,
    IOptions<DistributedWebSocketsOptions> options,
    TimeProvider time,
    DistributedWebSocketsMetrics metrics,
    FailSafeLogger<ForeignCommands> logger)
{
    /// <summary>How many are worked on at once; more are not answered.</summary>
    private const int MaxRunning = 4_096;

    private readonly ConcurrentDictionary<Guid, Waiting> _waiting = new(); // what its sender may take back
    private readonly RareLog _tooManyLog = new(1, time);
    private readonly RareLog _failedLog = new(1, time);
    private readonly RareLog _unansweredLog = new(1, time);
    private readonly RareLog _incompleteLog = new(1, time);
    private readonly int _maxQuestions = options.Value.MaxOpenQuestions;
    private int _running;
    private int _questions; // among those that run, and with a limit of their own, as clients take their time
    private TaskCompletionSource? _idle;

    /// <summary>
    /// Takes a command, and answers it if it asks for an answer: also that it is not known here. Never waits; called in the order in which a
    /// node has published.
    /// </summary>
    internal void OnCommand(HubConnections hub, Guid requestId, string originNodeId, in RemoteCommand command)
    {
        if (command.Kind == RemoteCommandKind.Withdraw)
        {
            if (_waiting.TryGetValue(requestId, out var waiting) && ReferenceEquals(waiting.Hub, hub) && waiting.OriginNodeId == originNodeId)
            {
                waiting.Cancellation.Cancel();
            }

            return;
        }

        // What asks for no answer is done within the call, but for joins, and its sender would never hear that it was dropped.
        var mayWait = requestId != Guid.Empty || command.Kind == RemoteCommandKind.AddUserToGroup;
        if (Interlocked.Increment(ref _running) - Volatile.Read(ref _questions) > MaxRunning && mayWait)
        {
            OnTooMany();
            return;
        }

        RunAsync(hub, requestId, originNodeId, command).Observe(); // fails only where a logger does; StopAsync waits for it
    }

    /// <summary>Tells the sender of a message what came of it. Never waits.</summary>
    internal void Confirm(HubConnections hub, Guid requestId, string originNodeId, RemoteCommandOutcome outcome)
    {
        if (Interlocked.Increment(ref _running) - Volatile.Read(ref _questions) > MaxRunning)
        {
            OnTooMany();
            return;
        }

        ConfirmAsync(hub, requestId, originNodeId, outcome).Observe(); // fails only where a logger does; StopAsync waits for it
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

    private void OnTooMany()
    {
        OnEnded();
        metrics.EnvelopeDropped("too_many_commands");
        if (_tooManyLog.TryPass(out var others))
        {
            Log.TooManyCommands(logger, MaxRunning, others);
        }
    }

    private async Task ConfirmAsync(HubConnections hub, Guid requestId, string originNodeId, RemoteCommandOutcome outcome)
    {
        try
        {
            await Task.Yield(); // what brought the message goes on
            await AnswerAsync(hub, requestId, originNodeId, new(outcome));
        }
        catch (BackplaneUnavailableException exception)
        {
            if (_unansweredLog.TryPass(out var others))
            {
                Log.ReplyFailed(logger, originNodeId, others, exception);
            }
        }
        finally
        {
            OnEnded();
        }
    }

    private void OnEnded()
    {
        if (Interlocked.Decrement(ref _running) == 0)
        {
            Volatile.Read(ref _idle)?.TrySetResult();
        }
    }

    private async Task RunAsync(HubConnections hub, Guid requestId, string originNodeId, RemoteCommand command)
    {
        // Known before it begins, since what takes it back may be the next that arrives.
        var waiting = requestId != Guid.Empty && command.Kind is RemoteCommandKind.AddToGroup or RemoteCommandKind.AddToGroupWithLast or RemoteCommandKind.Ask ? new Waiting(hub, originNodeId) : null;
        if (waiting is not null && !_waiting.TryAdd(requestId, waiting))
        {
            if (command.Kind == RemoteCommandKind.Ask)
            {
                OnEnded();
                return; // its id is that of an open question, which is answered once
            }

            waiting = null; // an id used twice takes back the first only
        }

        try
        {
            var answer = await ExecuteAsync(hub, requestId, command, waiting?.Cancellation.Token ?? CancellationToken.None);
            await AnswerAsync(hub, requestId, originNodeId, answer);
            if (requestId == Guid.Empty && answer.Outcome != RemoteCommandOutcome.Done && _incompleteLog.TryPass(out var others))
            {
                Log.Incomplete(logger, command.Kind, originNodeId, answer.Outcome, others);
            }
        }
        catch (OperationCanceledException) when (waiting is { Cancellation.IsCancellationRequested: true })
        {
            // Nobody waits for the answer.
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
            if (waiting is not null)
            {
                _waiting.TryRemove(requestId, out _);
            }

            OnEnded();
        }
    }

    private async ValueTask<CommandAnswer> ExecuteAsync(HubConnections hub, Guid requestId, RemoteCommand command, CancellationToken cancellationToken)
    {
        if (!knowledge.Knows(command.Kind))
        {
            return RemoteCommandOutcome.NotUnderstood;
        }

        try
        {
            return command.Kind switch
            {
                RemoteCommandKind.Ask => await AskAsync(hub, requestId, command, cancellationToken),
                RemoteCommandKind.ReadProperties or RemoteCommandKind.SetProperties => await executor.OfPropertiesAsync(hub, command),
                _ => new(await executor.ExecuteAsync(hub, command, cancellationToken)),
            };
        }
        catch (BackplaneRefusedException)
        {
            return new(RemoteCommandOutcome.Refused);
        }
        catch (MessageLogUnavailableException)
        {
            return new(RemoteCommandOutcome.NoHistory);
        }
    }

    private async ValueTask<CommandAnswer> AskAsync(HubConnections hub, Guid requestId, RemoteCommand question, CancellationToken cancellationToken)
    {
        try
        {
            return Interlocked.Increment(ref _questions) > _maxQuestions
                ? new(RemoteCommandOutcome.TooManyQuestions)
                : await executor.AskAsync(hub, QuestionId.Of(requestId), question, cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _questions);
        }
    }

    private async ValueTask AnswerAsync(HubConnections hub, Guid requestId, string originNodeId, CommandAnswer answer)
    {
        if (requestId == Guid.Empty)
        {
            return;
        }

        var envelope = writer.WriteReply(requestId, answer, out var length);
        try
        {
            await publisher.PublishAsync(hub.NodeChannel(originNodeId), envelope.AsMemory(0, length), CancellationToken.None);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(envelope);
        }
    }

    /// <summary>A join or question in work, for the node that asked for it to take back.</summary>
    private sealed class Waiting(HubConnections hub, string originNodeId)
    {
        internal HubConnections Hub => hub;

        internal string OriginNodeId => originNodeId;

        internal CancellationTokenSource Cancellation { get; } = new(); // has no timer, and so nothing to dispose of
    }

    private static partial class Log
    {
        [LoggerMessage(123, LogLevel.Warning, "Command {Command} of node {NodeId}, which is not answered, was not carried out for all connections: {Outcome}. The same happened to {Others} more since the last report.")]
        public static partial void Incomplete(ILogger logger, RemoteCommandKind command, string nodeId, RemoteCommandOutcome outcome, int others);

        [LoggerMessage(120, LogLevel.Warning, "More than {Count} commands of other nodes are being carried out; one was dropped, and its sender gets no answer. {Others} more were dropped since the last report.")]
        public static partial void TooManyCommands(ILogger logger, int count, int others);

        [LoggerMessage(122, LogLevel.Error, "Command {Command} of node {NodeId} failed; its sender gets no answer. {Others} more have failed since the last report.")]
        public static partial void CommandFailed(ILogger logger, RemoteCommandKind command, string nodeId, int others, Exception exception);

        [LoggerMessage(121, LogLevel.Warning, "A command of node {NodeId} was carried out, but the answer could not be sent. The same happened to {Others} more since the last report.")]
        public static partial void ReplyFailed(ILogger logger, string nodeId, int others, Exception exception);
    }
}
