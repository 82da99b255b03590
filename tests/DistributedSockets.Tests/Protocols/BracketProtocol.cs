using System.Buffers;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace DistributedSockets.Tests;

/// <summary>A subprotocol for tests: <c>[NUMBER|METADATA|TEXT]</c>, without the number where there is none. The client acknowledges with <c>ack NUMBER</c>, and resumes by the query.</summary>
internal sealed class BracketProtocol(string name = "brackets.example", object? bodies = null) : ResumableWebSocketProtocol(name)
{
    private int _written;

    /// <summary>How many bodies were written.</summary>
    internal int Written => Volatile.Read(ref _written);

    public override object BodyEncoding => bodies ?? this;

    public override bool IsTokenEnough => true;

    public override bool BeginsAnew => false;

    public override void WriteBody(in ProtocolMessage message, IBufferWriter<byte> output)
    {
        Interlocked.Increment(ref _written);
        if (message.Payload.SequenceEqual("cannot be encoded"u8))
        {
            output.Write("some of it"u8);
            throw new InvalidOperationException("A protocol of the app has a fault.");
        }

        output.Write(message.Metadata);
        output.Write("|"u8);
        output.Write(message.Payload);
        output.Write("]"u8);
    }

    public override int WriteHead(Span<byte> destination, long number, int bodyBytes) => Encoding.ASCII.GetBytes(
        number > 0 ? string.Create(CultureInfo.InvariantCulture, $"[{number}|") : "[", destination);

    public override WebSocketMessage? Begin(WebSocketConnection connection, string? token, long number) =>
        WebSocketMessage.Text($"begin {connection.Id} {token} {connection.UserId}");

    public override WebSocketMessage? End(DisconnectReason reason) => reason.Description == "no word" ? throw new InvalidOperationException("It has another one.") : WebSocketMessage.Text($"end {reason.Description}");

    public override SessionResumption? ReadResumption(ConnectingContext context) => context.HttpContext.Request.Query is var query && query.ContainsKey("id")
        ? new(query["id"]!, query["token"]!, 0)
        : null;

    public override ProtocolLine Read(ReadOnlySpan<byte> message) => message.StartsWith("ack "u8)
        ? ProtocolLine.Acknowledge(long.Parse(Encoding.ASCII.GetString(message[4..]), CultureInfo.InvariantCulture), isStrict: false)
        : message.SequenceEqual("nonsense"u8) ? ProtocolLine.Unknown : ProtocolLine.Message();
}
