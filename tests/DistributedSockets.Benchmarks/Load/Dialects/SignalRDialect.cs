namespace DistributedSockets.Benchmarks.Load;

/// <summary>SignalR's JSON protocol, without negotiation; records end with 0x1E.</summary>
internal sealed class SignalRDialect : Dialect
{
    private const byte End = 0x1E;

    public override string Name => "signalr";

    public override string Greeting => """{"protocol":"json","version":1}""" + (char)End;

    public override bool GreetsFirst => true;

    public override string KeepAlive => """{"type":6}""" + (char)End;

    public override string Operation(char operation, string? name, string payload)
    {
        var arguments = name is null ? $"\"{payload}\"" : $"\"{name}\",\"{payload}\"";
        return $$"""{"type":1,"target":"{{operation}}","arguments":[{{arguments}}]}{{(char)End}}""";
    }

    public override bool TryReadPayload(ReadOnlySpan<byte> message, out ReadOnlySpan<byte> payload, out int consumed) =>
        TryReadQuoted(message, End, out payload, out consumed);

    public override Answer Control(ReadOnlySpan<byte> message, out int consumed)
    {
        consumed = message.IndexOf(End) + 1;
        var record = message[..consumed];
        return record switch
        {
            [(byte)'{', (byte)'}', End] => Answer.Open,
            _ when record.IndexOf("\"type\":6"u8) >= 0 => Answer.None,
            _ => Answer.Failure,
        };
    }
}
