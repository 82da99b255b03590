using System.Buffers;
using System.Text;

namespace DistributedSockets;

/// <summary><see cref="ResumeV1"/> as a subprotocol of a hub.</summary>
internal sealed class ResumeV1Protocol : ResumableWebSocketProtocol
{
    internal static readonly ResumeV1Protocol Instance = new();

    private ResumeV1Protocol()
        : base(ResumeV1.Name)
    {
    }

    public override bool KeepsPayload => true;

    public override void WriteBody(in ProtocolMessage message, IBufferWriter<byte> output) => output.Write(message.Payload);

    public override int WriteHead(Span<byte> destination, long number, int bodyBytes) =>
        number > 0 ? ResumeV1.WriteNumber(destination, number) : ResumeV1.WriteUnnumbered(destination);

    public override WebSocketMessage? Begin(WebSocketConnection connection, string? token, long number) =>
        WebSocketMessage.Text(ResumeV1.Session(connection.Id, token!, number)); // only sessions speak it

    public override SessionResumption? ReadResumption(ConnectingContext context)
    {
        foreach (var offered in context.RequestedSubProtocols)
        {
            if (ResumeV1.TryReadResume(offered, out var id, out var token, out var received))
            {
                return new(id.ToString(), token.ToString(), received);
            }
        }

        return null;
    }

    public override ProtocolLine Read(ReadOnlySpan<byte> message) => ResumeV1.Read(message, out var number, out var id, out var payloadAt) switch
    {
        ResumeV1.Line.Acknowledge => ProtocolLine.Acknowledge(number),
        ResumeV1.Line.WithId => ProtocolLine.Message(payloadAt, Encoding.ASCII.GetString(id)),
        ResumeV1.Line.WithoutId => ProtocolLine.Message(payloadAt),
        _ => ProtocolLine.Unknown,
    };

    public override WebSocketMessage? Gap() => WebSocketMessage.Text(ResumeV1.Gap());

    public override WebSocketMessage? Return() => WebSocketMessage.Text(ResumeV1.Return());

    public override WebSocketMessage? Handled(string id, bool isRepeat) => WebSocketMessage.Text(ResumeV1.Handled(id, isRepeat));
}
