using System.IO.Pipelines;

namespace DistributedSockets.Benchmarks.Micro;

/// <summary>A transport that takes everything at once and keeps nothing.</summary>
internal class Sink : PipeWriter
{
    private readonly byte[] _buffer = new byte[1 << 17];

    public override Memory<byte> GetMemory(int sizeHint = 0) => _buffer;

    public override Span<byte> GetSpan(int sizeHint = 0) => _buffer;

    public override void Advance(int bytes)
    {
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => default;

    public override void CancelPendingFlush()
    {
    }

    public override void Complete(Exception? exception = null)
    {
    }
}
