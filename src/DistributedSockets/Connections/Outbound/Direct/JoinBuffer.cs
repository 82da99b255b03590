using System.Buffers;

namespace DistributedSockets;

/// <summary>Where the bytes of one write to a socket are put together: one for each thread, as nothing stays in it between two writes.</summary>
internal sealed class JoinBuffer : IBufferWriter<byte>, IDisposable
{
    [ThreadStatic]
    private static JoinBuffer? s_ofThread;

    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(OutboundQueue.JoinBytes, pinned: true); // which the kernel reads
    private int _length;

    private JoinBuffer()
    {
    }

    internal ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    /// <summary>Takes that of this thread, until it is disposed of. Whoever writes meanwhile, called by a listener of metrics for instance, gets another.</summary>
    internal static JoinBuffer Take()
    {
        var buffer = s_ofThread ?? new();
        s_ofThread = null;
        return buffer;
    }

    public void Advance(int count) => _length += count;

    public Memory<byte> GetMemory(int sizeHint = 0) => _bytes.AsMemory(_length);

    public Span<byte> GetSpan(int sizeHint = 0) => _bytes.AsSpan(_length);

    public void Dispose()
    {
        _length = 0;
        s_ofThread = this;
    }
}
