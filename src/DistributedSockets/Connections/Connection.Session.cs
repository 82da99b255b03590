using System.Text;

namespace DistributedSockets;

/// <summary>What the client of a session that can be resumed says in front of its messages, and what it is told.</summary>
internal sealed partial class Connection
{
    /// <summary>Whether the app has closed the connection, so that a session which could be resumed ends with it.</summary>
    internal bool EndsSession { get; private set; }

    public override SessionFence? GetFence() => Session?.GetFence();

    /// <summary>Queues what the subprotocol says for itself.</summary>
    internal void SendOfProtocol(string line)
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text(line), isOfProtocol: true);
        _queue.TryEnqueue(frame);
        _queue.Start();
    }

    /// <summary>Takes a message of the client of a session: what the subprotocol says for itself, or one of the app's behind its line.</summary>
    private ValueTask TakeAsync(ReceivedMessage message, ResumableSession session)
    {
        if (session.Lease is { IsHeld: false })
        {
            message.Release();
            Abort(SessionEnds.LeaseMissed);
            return ValueTask.CompletedTask;
        }

        var line = ResumeV1.Read(message.Bytes, out var number, out var id, out var payloadAt);
        switch (line)
        {
            case ResumeV1.Line.WithoutId:
                return TakeAsync(message.From(payloadAt, messageId: null));
            case ResumeV1.Line.WithId:
                return TakeAsync(message.From(payloadAt, Encoding.ASCII.GetString(id)));
            case ResumeV1.Line.Acknowledge when session.Numbers.TryAcknowledge(number):
                message.Release();
                _queue.Wake();
                session.WriteIfDue();
                return ValueTask.CompletedTask;
            default:
                message.Release();
                Close(SessionEnds.Violation(line == ResumeV1.Line.Acknowledge ? "A message was acknowledged that was never sent." : $"A message does not begin as {ResumeV1.Name} has it."));
                return ValueTask.CompletedTask;
        }
    }

    private void SetHandled(string id)
    {
        Session!.SetHandled(id);
        SendOfProtocol(ResumeV1.Handled(id, isRepeat: false));
    }
}
