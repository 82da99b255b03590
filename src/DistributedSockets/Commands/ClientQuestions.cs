using System.Text.Unicode;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Asks clients for the app, here or at another node, and says why one gave no answer.</summary>
internal sealed class ClientQuestions(
    RemoteCommands commands,
    LocalNode node,
    EnvelopeWriter writer,
    NodeHealth health,
    IOptions<DistributedWebSocketsOptions> options,
    IOptions<DistributedWebSocketsJsonOptions> json,
    TimeProvider time)
{
    /// <summary>The longest that a client may take to answer.</summary>
    internal static readonly TimeSpan MaxTimeout = TimeSpan.FromHours(1);

    private readonly int _max = options.Value.MaxOpenQuestions;
    private int _open;

    /// <summary>Asks a client, and waits for its answer for as long as it may take.</summary>
    internal async ValueTask<WebSocketMessage> AskAsync(
        HubConnections hub, string connectionId, Func<string, WebSocketMessage> question, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (timeout <= TimeSpan.Zero || timeout > MaxTimeout)
        {
            throw new ArgumentOutOfRangeException(nameof(timeout), timeout, "A client may take more than zero and at most 1 hour to answer.");
        }

        try
        {
            if (Interlocked.Increment(ref _open) > _max)
            {
                throw new AskFailedException(
                    AskFailure.TooManyQuestions,
                    $"This process has {_max} questions to clients open, so connection '{connectionId}' was not asked. " +
                    "Ask fewer at once, or raise DistributedWebSocketsOptions.MaxOpenQuestions.");
            }

            return await AskAsync(hub, connectionId, question, RemoteCommands.NewRequestId(), timeout, cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }

    private async ValueTask<WebSocketMessage> AskAsync(
        HubConnections hub, string connectionId, Func<string, WebSocketMessage> question, Guid requestId, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var made = question(QuestionId.Of(requestId));
        var command = new RemoteCommand(RemoteCommandKind.Ask, connectionId) { Message = new(made.Data, made.MessageType), AnswerTimeout = timeout };
        Check(command);
        using var late = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        CommandAnswer answer;
        try
        {
            answer = await commands.AskClientAsync(hub, requestId, command, either.Token);
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            answer = new(RemoteCommandOutcome.NoAnswer);
        }
        catch (OperationCanceledException exception) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(exception.Message, exception, cancellationToken); // the caller's token, not ours
        }

        return answer is { Outcome: RemoteCommandOutcome.Answered, Message: { } message }
            ? new(message.Data, message.MessageType, json.Value.SerializerOptions)
            : throw Failure(hub, command, answer.Outcome);
    }

    /// <summary>Refuses what no node could be asked to send, also where the connection is here: what works on one node must work on two.</summary>
    private void Check(in RemoteCommand command)
    {
        if (command.Message.IsText && !Utf8.IsValid(command.Message.Data.Span))
        {
            throw new ArgumentException("The question is a text that is no valid UTF-8. Nobody was asked. Send it as binary, or encode it as UTF-8.", "question");
        }

        if (!writer.HasRoomFor(command))
        {
            throw new ArgumentException(
                $"The question has {command.Message.Length} bytes, which is more than fits into an envelope. Nobody was asked. " +
                "Shorten it, or raise DistributedWebSocketsOptions.MaxEnvelopeBytes on all nodes.",
                "question");
        }
    }

    private Exception Failure(HubConnections hub, in RemoteCommand command, RemoteCommandOutcome outcome)
    {
        var (id, timeout) = (command.Subject, command.AnswerTimeout);
        return outcome switch
        {
            RemoteCommandOutcome.NotFound => new AskFailedException(
                AskFailure.NotFound, $"Hub '{hub.Name}' has no connection '{id}', so nobody was asked. It may have ended."),
            RemoteCommandOutcome.ClientGone => new AskFailedException(
                AskFailure.ClientGone, $"Connection '{id}' ended, or had begun to end, before its client answered."),
            RemoteCommandOutcome.TooManyQuestions => new AskFailedException(
                AskFailure.TooManyQuestions,
                $"As many questions are open as may be, to the client of connection '{id}' or to all clients of its node. It was not asked. " +
                "Ask fewer at once, or raise HubOptions.MaxOpenQuestionsPerConnection or DistributedWebSocketsOptions.MaxOpenQuestions at its node."),
            RemoteCommandOutcome.QueueFull => new AskFailedException(
                AskFailure.NoAnswer, $"The client of connection '{id}' reads too slowly, so the question was dropped."),
            RemoteCommandOutcome.AnswerTooLarge => new AskFailedException(
                AskFailure.NoAnswer,
                $"The client of connection '{id}' gave an answer that is larger than an envelope may be. Raise DistributedWebSocketsOptions.MaxEnvelopeBytes on all nodes."),
            RemoteCommandOutcome.NoMatcher => new InvalidOperationException(
                $"Hub '{hub.Name}' has no AnswerMatcher at the node of connection '{id}', so an answer could not be told from other messages and nobody was asked. " +
                "Set HubOptions.AnswerMatcher at all nodes that hold connections of the hub."),
            RemoteCommandOutcome.NotUnderstood => new NotSupportedException(
                $"The node of connection '{id}' runs an older version, which asks no clients. Nobody was asked. Bring all nodes to one version."),
            _ when health.IsBackplaneAway && !ConnectionId.NodeOf(id).SequenceEqual(node.Info.NodeId) => new BackplaneUnavailableException(
                $"The backplane has gone away since connection '{id}' of another node was asked, and no answer came within {timeout}. The client may have been asked."),
            _ => new AskFailedException(
                AskFailure.NoAnswer, $"The client of connection '{id}' did not answer within {timeout}, or its node did not. It may have been asked."),
        };
    }
}
