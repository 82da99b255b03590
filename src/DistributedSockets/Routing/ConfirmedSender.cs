namespace DistributedSockets;

/// <summary>Sends a message to one connection of a hub, and has the connection's node say what came of it; or to a session that can be resumed, through the log.</summary>
internal sealed class ConfirmedSender(
    HubConnections hub, LocalNode node, LocalDelivery delivery, RemoteCommands commands, EnvelopeWriter writer, SendPreparation preparation, LoggedSender logged)
{
    /// <inheritdoc cref="IWebSocketRouter.SendConfirmedAsync(string, WebSocketMessage, SendOptions, CancellationToken)"/>
    internal async ValueTask<ConfirmedSendOutcome> SendAsync(
        string connectionId, WebSocketMessage message, SendOptions options, CancellationToken cancellationToken)
    {
        var target = WebSocketTarget.Connection(connectionId);
        SendPreparation.Check(target, options);
        if (options.ExcludedConnectionIds.Count > 0)
        {
            throw new ArgumentException("A send to one connection can exclude none. Nothing was sent. Leave ExcludedConnectionIds empty.", nameof(options));
        }

        var isSession = SessionId.Is(connectionId);
        if ((!isSession || options.IsLogged == false) && (options.IsLogged == true || options.IdempotencyKey is not null))
        {
            throw new ArgumentException(
                "Only what is sent to a session that can be resumed is logged and confirmed. Nothing was sent. Leave IsLogged and IdempotencyKey unset, or use SendAsync.", nameof(options));
        }

        cancellationToken.ThrowIfCancellationRequested();
        node.ThrowIfNotStarted();
        if (!isSession)
        {
            return await AskAsync(ConnectionId.NodeOf(connectionId).ToString(), connectionId, message, options, cancellationToken);
        }

        if (await commands.FindOwnerAsync(hub, connectionId, cancellationToken) is not { } owner)
        {
            return ConfirmedSendOutcome.NotFound;
        }

        if (options.IsLogged != false)
        {
            await logged.SendAsync(target, message, options, cancellationToken);
            return ConfirmedSendOutcome.Logged;
        }

        var outcome = await AskAsync(owner.NodeId, connectionId, message, options, cancellationToken);
        return outcome == ConfirmedSendOutcome.NotFound
            && await commands.FindOwnerAsync(hub, connectionId, cancellationToken) is { } other && other.NodeId != owner.NodeId // it has moved meanwhile
            ? await AskAsync(other.NodeId, connectionId, message, options, cancellationToken)
            : outcome;
    }

    private async ValueTask<ConfirmedSendOutcome> AskAsync(
        string nodeId, string connectionId, WebSocketMessage message, SendOptions options, CancellationToken cancellationToken)
    {
        var target = WebSocketTarget.Connection(connectionId);
        var requestId = RemoteCommands.NewRequestId();
        var compressing = preparation.Prepare(target, message, options, requestId, out var extensions);
        if (nodeId.Length == 0)
        {
            return ConfirmedSendOutcome.NotFound;
        }

        if (nodeId == node.Info.NodeId)
        {
            using var here = SharedFrame.Encode(message, compressing, terms: extensions.Terms);
            var queued = delivery.Enqueue(hub, WebSocketTargetKind.Connections, new(new ReadOnlySpan<string>(in connectionId)), default, here);
            delivery.Start(queued);
            return OutcomeOf(queued.Confirmation);
        }

        using var frame = writer.Encode(WebSocketTargetKind.Connections, new ReadOnlySpan<string>(in connectionId), [], message, compressing, extensions);
        try
        {
            return OutcomeOf(await commands.ConfirmAsync(hub, nodeId, connectionId, requestId, frame.Envelope, cancellationToken));
        }
        catch (RemoteCommandTimeoutException)
        {
            return ConfirmedSendOutcome.NoAnswer;
        }
        catch (BackplaneUnavailableException exception)
        {
            throw exception.After(queuedHere: 0);
        }
    }

    private static ConfirmedSendOutcome OutcomeOf(RemoteCommandOutcome outcome) => outcome switch
    {
        RemoteCommandOutcome.Done => ConfirmedSendOutcome.Queued,
        RemoteCommandOutcome.QueueFull => ConfirmedSendOutcome.Dropped,
        _ => ConfirmedSendOutcome.NotFound,
    };
}
