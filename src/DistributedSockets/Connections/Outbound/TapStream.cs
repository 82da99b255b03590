using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace DistributedSockets;

/// <summary>Stands between the platform's WebSocket and the transport: reads pass through, writes go to the connection's queue.</summary>
internal sealed class TapStream(TimeProvider time) : Stream
{
    private long _lastReadAt = time.GetTimestamp();
    private Stream? _transport;
    private ulong _tail; // the last eight bytes that were read

    /// <summary>Creates one that is open.</summary>
    internal TapStream(Stream transport, PipeWriter output, TimeProvider time)
        : this(time) => Open(transport, output);

    internal OutboundQueue? Queue { get; set; }

    /// <summary>When the client last sent anything, as a timestamp.</summary>
    internal long LastReadAt => Volatile.Read(ref _lastReadAt);

    /// <summary>Whether to note what is needed for <see cref="IsClosedWithoutStatus"/>.</summary>
    internal bool NotesTail { get; set; }

    /// <summary>Whether what came last is a close frame without a status, which the platform takes for one with 1000 (RFC 6455 section 7.1.5: it is 1005).</summary>
    /// <remarks>A client's frame is masked: two bytes, four of the mask, and two more of a status.</remarks>
    internal bool IsClosedWithoutStatus => ((_tail >> 32) & 0xFFFF) == 0x8880 && _tail >> 48 != 0x8882;

    internal Stream Transport => _transport ?? throw new InvalidOperationException("The handshake has not been answered.");

    /// <summary>Where the connection's queue writes; null until the handshake is answered.</summary>
    internal PipeWriter? Output { get; private set; }

    /// <summary>The socket behind it, if nothing is in between and it may be written to.</summary>
    internal DirectSocket? Direct { get; private set; }

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
        var read = Transport.ReadAsync(buffer, cancellationToken);
        if ((Direct is null && !NotesTail) || buffer.IsEmpty)
        {
            return read;
        }

        // What comes may tell whether the server's pipe is empty. Also while that is known: it may no longer be once something comes.
        if (!read.IsCompletedSuccessfully)
        {
            return ReadAsync(read, buffer);
        }

        var length = read.Result;
        OnRead(buffer.Span[..length]);
        return new(length);
    }

    public override int Read(byte[] buffer, int offset, int count) => Transport.Read(buffer, offset, count);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        Queue is { } queue ? new(queue.WriteAsync(buffer)) : Transport.WriteAsync(buffer, cancellationToken);

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Write asynchronously.");

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>The handshake has been answered: from now on there is something to read from and to write to.</summary>
    internal void Open(Stream transport, PipeWriter output, DirectSocket? direct = null) => (_transport, Output, Direct) = (transport, output, direct);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _transport?.Dispose();
        }

        base.Dispose(disposing);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadAsync(ValueTask<int> read, Memory<byte> buffer)
    {
        var length = await read;
        OnRead(buffer.Span[..length]);
        return length;
    }

    private void OnRead(ReadOnlySpan<byte> bytes)
    {
        if (NotesTail)
        {
            foreach (var last in bytes.Length > sizeof(ulong) ? bytes[^sizeof(ulong)..] : bytes)
            {
                _tail = (_tail << 8) | last;
            }
        }

        if (!bytes.IsEmpty && Direct is { Proof: var proof } && proof.OnRead(bytes))
        {
            Queue?.AskIfDrained();
        }
    }
}
