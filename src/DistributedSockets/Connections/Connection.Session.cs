namespace DistributedSockets;

/// <summary>What the clients of a subprotocol that the hub speaks say beside their messages, and what they are told.</summary>
internal sealed partial class Connection
{
    private HandledMessages? _handled; // those of a session are the session's

    /// <summary>Whether the app has closed the connection, so that a session which could be resumed ends with it.</summary>
    internal bool EndsSession { get; private set; }

    public override SessionFence? GetFence() => Session?.GetFence();

    private ResumableWebSocketProtocol ResumableProtocol => (ResumableWebSocketProtocol)Session!.Numbers.Format.Protocol; // or it would have no session

    public override ValueTask SendOfProtocolAsync(WebSocketMessage message, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        SendOfProtocol(message);
        return ValueTask.CompletedTask;
    }

    public override bool IsHandled(string messageId)
    {
        ArgumentException.ThrowIfNullOrEmpty(messageId);
        if (Session is { } session)
        {
            return session.IsHandled(messageId);
        }

        lock (Joins)
        {
            return _handled?.Contains(messageId) == true;
        }
    }

    public override void SetHandled(string messageId)
    {
        ArgumentException.ThrowIfNullOrEmpty(messageId);
        if (messageId.Length > SessionCheckpoint.MaxMessageIdBytes || messageId.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            throw new ArgumentException($"The id of a message has 1 to {SessionCheckpoint.MaxMessageIdBytes} characters of ASCII without blanks.", nameof(messageId));
        }

        if (Session is { } session)
        {
            session.SetHandled(messageId);
            return;
        }

        lock (Joins)
        {
            (_handled ??= new([])).Add(messageId);
        }
    }

    /// <summary>Queues what the subprotocol says for itself.</summary>
    internal void SendOfProtocol(in WebSocketMessage message)
    {
        EnqueueOfProtocol(message);
        _queue.Start();
    }

    /// <summary>Says that messages are missing, or ends the session where its subprotocol has no word for that.</summary>
    internal void TellGap()
    {
        if (ResumableProtocol.Gap() is { } gap)
        {
            SendOfProtocol(gap);
        }
        else
        {
            Disconnect(SessionEnds.Missing);
        }
    }

    /// <summary>Asks the client to come back to another node; false if its subprotocol has no word for that.</summary>
    internal bool TryAskToReturn()
    {
        if (ResumableProtocol.Return() is not { } request)
        {
            return false;
        }

        SendOfProtocol(request);
        return true;
    }

    /// <summary>Takes a message of the client of a session: what the subprotocol says for itself, or one of the app's.</summary>
    private ValueTask TakeAsync(ReceivedMessage message, ResumableSession session)
    {
        if (session.Lease is { IsHeld: false })
        {
            message.Release();
            Abort(SessionEnds.LeaseMissed);
            return ValueTask.CompletedTask;
        }

        var line = ResumableProtocol.Read(message.Bytes);
        switch (line.Kind)
        {
            case ProtocolLineKind.Message:
                return TakeAsync(message.From(line.PayloadAt, line.Id));
            case ProtocolLineKind.Acknowledge when session.Numbers.TryAcknowledge(line.Number):
                message.Release();
                _queue.Wake();
                session.WriteIfDue();
                return ValueTask.CompletedTask;
            case ProtocolLineKind.Acknowledge when !line.IsStrict:
                message.Release();
                return ValueTask.CompletedTask;
            default:
                message.Release();
                Close(SessionEnds.Violation(line.Kind == ProtocolLineKind.Acknowledge
                    ? "A message was acknowledged that was never sent."
                    : $"A message is not as {ResumableProtocol.Name} has it."));
                return ValueTask.CompletedTask;
        }
    }

    private void TellHandled(string id, bool isRepeat)
    {
        if (!isRepeat)
        {
            Session!.SetHandled(id);
        }

        if (ResumableProtocol.Handled(id, isRepeat) is { } answer)
        {
            SendOfProtocol(answer);
        }
    }

    private void EnqueueOfProtocol(in WebSocketMessage message)
    {
        using var frame = SharedFrame.Encode(message, isOfProtocol: true);
        _queue.TryEnqueue(frame);
    }
}
