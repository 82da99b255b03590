using System.IO.Pipelines;

namespace DistributedSockets;

/// <summary>Stands between the platform's WebSocket and the transport: reads pass through, writes go to the connection's queue.</summary>
internal sealed class TapStream(Stream transport, PipeWriter output, TimeProvider time) : Stream
{
    private long _lastReadAt = time.GetTimestamp();

    internal OutboundQueue? Queue { get; set; }

    /// <summary>When the client last sent anything, as a timestamp.</summary>
    internal long LastReadAt => Volatile.Read(ref _lastReadAt);

    internal Stream Transport => transport;

    /// <summary>Where the connection's queue writes.</summary>
    internal PipeWriter Output => output;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        // The platform reads on at once when it has got something, so a read that begins is as good a sign as one that ends, and
        // needs nothing to be kept for an idle connection.
        Volatile.Write(ref _lastReadAt, time.GetTimestamp());
        return transport.ReadAsync(buffer, cancellationToken);
    }

    public override int Read(byte[] buffer, int offset, int count) => transport.Read(buffer, offset, count);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        Queue is { } queue ? new(queue.WriteAsync(buffer)) : transport.WriteAsync(buffer, cancellationToken);

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Write asynchronously.");

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            transport.Dispose();
        }

        base.Dispose(disposing);
    }
}
