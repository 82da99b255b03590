using System.Buffers;

namespace DistributedSockets.WebPubSub;

/// <summary>A subprotocol with numbers, whose sessions outlive their connection and its node.</summary>
internal sealed class ReliableProtocol(string name, FrameFormat format) : ResumableWebSocketProtocol(name), IClientProtocol
{
    public FrameFormat Format => format;

    public bool IsReliable => true;

    public override object BodyEncoding => format;

    public override bool IsBinary => format.IsBinary;

    /// <summary>The access token of a client that comes back may have run out, and is not looked at.</summary>
    public override bool IsTokenEnough => true;

    public override bool BeginsAnew => false;

    public override bool EndsOnViolation => true;

    public override void WriteBody(in ProtocolMessage message, IBufferWriter<byte> output) => format.WriteBody(message, output);

    public override int WriteHead(Span<byte> destination, long number, int bodyBytes) => format.WriteHead(destination, number, bodyBytes);

    public override SessionResumption? ReadResumption(ConnectingContext context) => RecoveryQuery.Read(context.HttpContext.Request.Query);

    public override ProtocolLine Read(ReadOnlySpan<byte> message)
    {
        if (format.MayBeSequenceAck(message))
        {
            try
            {
                if (format.Read(message.ToArray()) is { Kind: ClientRequestKind.SequenceAck, AckId: { } number })
                {
                    return ProtocolLine.Acknowledge((long)Math.Min(number, long.MaxValue), isStrict: false); // a stale one, or one of the future, harms nobody
                }
            }
            catch (BadFrameException)
            {
                // The handler finds that, too, and closes the connection.
            }
        }

        return ProtocolLine.Message();
    }

    public override WebSocketMessage? Begin(WebSocketConnection connection, string? token, long number) =>
        format.Connected(connection.Id, connection.UserId, token);

    public override WebSocketMessage? End(DisconnectReason reason) => format.Disconnected(Reasons.Of(reason));
}
