namespace DistributedSockets;

/// <summary>A control frame of the platform's WebSocket, waiting to be written.</summary>
internal sealed class PlatformWrite(byte[] bytes)
{
    internal ReadOnlyMemory<byte> Bytes { get; } = bytes;

    internal bool IsClose => Bytes.Length > 0 && (Bytes.Span[0] & 0x0F) == 0x8;

    internal TaskCompletionSource Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
