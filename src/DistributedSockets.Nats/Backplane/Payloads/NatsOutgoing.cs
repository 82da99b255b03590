using System.Buffers;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>A message on its way into the client's buffer, which borrows the payload only while the publish is called.</summary>
/// <remarks>
/// The client reads a message at once if it is connected, and after it has reconnected if it is not. By then the memory is the caller's again
/// and the publish has failed, so it is withdrawn.
/// </remarks>
internal sealed class NatsOutgoing(ReadOnlyMemory<byte> bytes, NatsPart? part)
{
    private ReadOnlyMemory<byte> _bytes = bytes;
    private bool _isTaken;
    private bool _isWithdrawn;

    public static INatsSerialize<NatsOutgoing> Serializer { get; } = new Writer();

    /// <summary>Ends the loan.</summary>
    /// <returns>Whether it had been taken before; else it never will be.</returns>
    public bool EndLoan()
    {
        lock (this)
        {
            _isWithdrawn = !_isTaken;
            _bytes = default;
            return _isTaken;
        }
    }

    private void Write(IBufferWriter<byte> writer)
    {
        lock (this)
        {
            if (_isWithdrawn)
            {
                throw new OperationCanceledException("The publish was given up before NATS was connected.");
            }

            if (part is { } header)
            {
                NatsFrame.WritePart(writer, header, _bytes.Span);
            }
            else
            {
                NatsFrame.WriteWhole(writer, _bytes.Span);
            }

            _isTaken = true;
        }
    }

    private sealed class Writer : INatsSerialize<NatsOutgoing>
    {
        public void Serialize(IBufferWriter<byte> bufferWriter, NatsOutgoing value) => value.Write(bufferWriter);
    }
}
