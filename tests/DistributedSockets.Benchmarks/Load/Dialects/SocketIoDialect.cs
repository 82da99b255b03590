namespace DistributedSockets.Benchmarks.Load;

/// <summary>Socket.IO 4 over Engine.IO 4, WebSocket from the start; one packet per message.</summary>
internal sealed class SocketIoDialect : Dialect
{
    public override string Name => "socketio";

    public override string Greeting => "40";

    public override string Pong => "3";

    public override string Path(string? user, IReadOnlyList<string> groups) =>
        $"/socket.io/?EIO=4&transport=websocket{Query('&', user, groups)}";

    public override string Operation(char operation, string? name, string payload) =>
        name is null ? $"42[\"{operation}\",\"{payload}\"]" : $"42[\"{operation}\",\"{name}\",\"{payload}\"]";

    public override bool TryReadPayload(ReadOnlySpan<byte> message, out ReadOnlySpan<byte> payload, out int consumed)
    {
        if (message is [(byte)'4', (byte)'2', ..])
        {
            return TryReadQuoted(message, (byte)']', out payload, out consumed);
        }

        payload = default;
        consumed = 0;
        return false;
    }

    public override Answer Control(ReadOnlySpan<byte> message, out int consumed)
    {
        consumed = message.Length;
        return message switch
        {
            [(byte)'0', ..] => Answer.Greeting,
            [(byte)'2'] => Answer.Pong,
            [(byte)'4', (byte)'0', ..] => Answer.Open,
            _ => Answer.Failure,
        };
    }
}
