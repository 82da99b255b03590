using System.Buffers;
using System.Text.Json;

namespace DistributedSockets.Docs.Tests.Snippets.Subprotocols;

/// <summary>The code of <c>docs/subprotocols.md</c>.</summary>
internal static class SubprotocolsProgram
{
    public static void Add(WebApplicationBuilder builder)
    {
        // snippet: subprotocols-add
        builder.Services.AddDistributedWebSockets()
            .UseRedis("localhost:6379")
            .AddHub<ChatHandler>(hub => hub.Protocols.Add(new NamedProtocol()));
        // end-snippet
    }

    public static async Task SendAsync(IWebSocketRouter router)
    {
        // snippet: subprotocols-send
        await router.SendAsync(
            WebSocketTarget.Group("lobby"),
            WebSocketMessage.Text("hello"),
            new SendOptions { Metadata = JsonSerializer.SerializeToUtf8Bytes("alice") });
        // clients of named.example get {"from":"alice","text":"hello"}, all others get hello
        // end-snippet
    }
}

[WebSocketHub("chat")]
internal sealed class ChatHandler : WebSocketHandler
{
    public override ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken) => Connection.SendAsync(message, cancellationToken);
}

// snippet: subprotocols-write
internal sealed class NamedProtocol() : WebSocketProtocol("named.example")
{
    public override void WriteBody(in ProtocolMessage message, IBufferWriter<byte> output)
    {
        using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        json.WritePropertyName("from");
        json.WriteRawValue(message.Metadata.IsEmpty ? "null"u8 : message.Metadata);     // what the sender put there: JSON, here
        json.WriteString("text", message.IsText ? message.Payload : "(binary)"u8);
        json.WriteEndObject();
    }

    public override int WriteHead(Span<byte> destination, long number, int bodyBytes) => 0;
}
// end-snippet
