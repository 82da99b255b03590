namespace DistributedSockets.Benchmarks.Load;

/// <summary>The test node's own: the operation in front of the payload, the bare payload to receivers.</summary>
internal sealed class TextDialect : Dialect
{
    public override string Name => "text";

    public override string Operation(char operation, string? name, string payload) =>
        name is null ? $"{operation}{payload}" : $"{operation}{name} {payload}";

    public override bool TryReadPayload(ReadOnlySpan<byte> message, out ReadOnlySpan<byte> payload, out int consumed)
    {
        payload = message;
        consumed = message.Length;
        return message is [(byte)'#', ..];
    }

    public override Answer Control(ReadOnlySpan<byte> message, out int consumed)
    {
        consumed = message.Length;
        return Answer.Failure;
    }
}
