using System.Text;

namespace DistributedSockets;

/// <summary>What the client of a session that can be resumed says in front of its messages, and what it is told.</summary>
internal sealed partial class Connection
{
    /// <summary>Queues what the subprotocol says for itself.</summary>
    internal void SendOfProtocol(string line)
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text(line), isOfProtocol: true);
        _queue.TryEnqueue(frame);
        _queue.Start();
    }

    private async ValueTask HandleAsync(ReceivedMessage message, ResumableSession session)
    {
        if (session.Lease is { IsHeld: false })
        {
            message.Release();
            Abort(SessionEnds.LeaseMissed);
            return;
        }

        var line = ResumeV1.Read(message.Bytes, out var number, out var idBytes, out var payloadAt);
        switch (line)
        {
            case ResumeV1.Line.Acknowledge when session.Numbers.TryAcknowledge(number):
                message.Release();
                _queue.Wake();
                return;
            case ResumeV1.Line.WithoutId:
                await HandleAsync(message.From(payloadAt));
                return;
            case ResumeV1.Line.WithId:
                await HandleAsync(message.From(payloadAt), session, Encoding.ASCII.GetString(idBytes));
                return;
            default:
                message.Release();
                Close(SessionEnds.Violation(line == ResumeV1.Line.Acknowledge ? "A message was acknowledged that was never sent." : $"A message does not begin as {ResumeV1.Name} has it."));
                return;
        }
    }

    /// <summary>Has a message with an id handled once, and tells the client when it has been.</summary>
    private ValueTask HandleAsync(ReceivedMessage message, ResumableSession session, string id)
    {
        if (session.IsHandled(id))
        {
            message.Release();
            SendOfProtocol(ResumeV1.Handled(id, isRepeat: true));
            return ValueTask.CompletedTask;
        }

        if (Reason is null && _handler is { } handler)
        {
            return CallAsync(handler, message, id);
        }

        message.Release();
        return ValueTask.CompletedTask;
    }

    private void SetHandled(string id)
    {
        Session!.SetHandled(id);
        SendOfProtocol(ResumeV1.Handled(id, isRepeat: false));
    }
}
