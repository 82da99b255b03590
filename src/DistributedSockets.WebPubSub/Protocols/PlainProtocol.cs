using System.Buffers;

namespace DistributedSockets.WebPubSub;

/// <summary>A subprotocol without numbers, whose connections do not outlive their socket.</summary>
internal sealed class PlainProtocol(string name, FrameFormat format) : WebSocketProtocol(name), IClientProtocol
{
    public FrameFormat Format => format;

    public bool IsReliable => false;

    public override object BodyEncoding => format;

    public override bool IsBinary => format.IsBinary;

    public override void WriteBody(in ProtocolMessage message, IBufferWriter<byte> output) => format.WriteBody(message, output);

    public override int WriteHead(Span<byte> destination, long number, int bodyBytes) => format.WriteHead(destination, 0, bodyBytes);

    public override WebSocketMessage? Begin(WebSocketConnection connection, string? token, long number) =>
        RecoveryQuery.IsIn(connection.Query) ? null : format.Connected(connection.Id, connection.UserId, null); // who wants to come back is closed

    public override WebSocketMessage? End(DisconnectReason reason) => format.Disconnected(Reasons.Of(reason));
}
