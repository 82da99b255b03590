using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace DistributedSockets;

/// <summary>Stands between the platform's WebSocket and the transport: reads pass through, writes go to the connection's queue.</summary>
internal sealed class TapStream(TimeProvider time) : Stream
{
    private long _lastReadAt = time.GetTimestamp();
    private Stream? _transport;

    /// <summary>Creates one that is open.</summary>
    internal TapStream(Stream transport, PipeWriter output, TimeProvider time)
        : this(time) => Open(transport, output);

    internal OutboundQueue? Queue { get; set; }

    /// <summary>When the client last sent anything, as a timestamp.</summary>
    internal long LastReadAt => Volatile.Read(ref _lastReadAt);

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
        if (Direct is not { Proof: var proof } || buffer.IsEmpty)
        {
            return read;
        }

        // What comes may tell whether the server's pipe is empty. Also while that is known: it may no longer be once something comes.
        if (!read.IsCompletedSuccessfully)
        {
            return ReadAsync(read, proof, buffer);
        }

        var length = read.Result;
        OnRead(proof, buffer.Span[..length]);
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
    private async ValueTask<int> ReadAsync(ValueTask<int> read, DrainProof proof, Memory<byte> buffer)
    {
        var length = await read;
        OnRead(proof, buffer.Span[..length]);
        return length;
    }

    private void OnRead(DrainProof proof, ReadOnlySpan<byte> bytes)
    {
        if (!bytes.IsEmpty && proof.OnRead(bytes))
        {
            Queue?.AskIfDrained();
        }
    }
}
