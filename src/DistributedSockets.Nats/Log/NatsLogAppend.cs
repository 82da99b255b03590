using System.Buffers;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>An append that waits for the server's answer, and before that perhaps for the stream.</summary>
/// <remarks>It borrows the payload until it is written into the client's buffer or given up, whichever comes first.</remarks>
internal sealed class NatsLogAppend(LogAppend append, long number)
    : TaskCompletionSource<JetStreamAnswer>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    private readonly Lock _gate = new();
    private ReadOnlyMemory<byte> _payload = append.Payload;
    private bool _isTaken;
    private bool _isWithdrawn;

    public static INatsSerialize<NatsLogAppend> Serializer { get; } = new Writer();

    public IReadOnlyList<LogTarget> Targets => append.Targets;

    public string? Key => append.IdempotencyKey;

    /// <summary>The number by which the answer is known.</summary>
    public long Number => number;

    /// <summary>Completes when the client holds it no more.</summary>
    public Task Writing { get; set; } = System.Threading.Tasks.Task.CompletedTask;

    /// <summary>The stream that it was written to, if it was.</summary>
    public NatsLogStream? Stream { get; private set; }

    /// <summary>How far that stream was known to have come then.</summary>
    public long KnownBefore { get; private set; }

    /// <summary>Notes to which stream it is about to be written.</summary>
    /// <returns>Whether it is still wanted.</returns>
    public bool Begin(NatsLogStream stream)
    {
        lock (_gate)
        {
            (Stream, KnownBefore) = (stream, stream.Known);
            return !_isWithdrawn;
        }
    }

    /// <summary>Sees to it that it is written now or never.</summary>
    /// <returns>Whether it was written, so that the entry may be in the log or come into it.</returns>
    public bool Withdraw()
    {
        lock (_gate)
        {
            _isWithdrawn = !_isTaken;
            _payload = default;
            return _isTaken;
        }
    }

    private void Write(IBufferWriter<byte> writer)
    {
        lock (_gate)
        {
            if (_isWithdrawn)
            {
                throw new OperationCanceledException("The append was given up before NATS was connected.");
            }

            NatsLogTargets.Write(writer, Targets);
            writer.Write(_payload.Span);
            _payload = default;
            _isTaken = true;
        }
    }

    private sealed class Writer : INatsSerialize<NatsLogAppend>
    {
        public void Serialize(IBufferWriter<byte> bufferWriter, NatsLogAppend value) => value.Write(bufferWriter);
    }
}
