using System.Buffers;
using System.Buffers.Binary;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>Hears the markers of a <see cref="NatsFence"/>.</summary>
internal sealed class NatsProbeSubscription(INatsConnection connection, INatsSubscriptionManager manager, string subject, Action<ulong> received)
    : NatsSubscription(connection, manager, subject)
{
    public static INatsSerialize<ulong> Serializer { get; } = new MarkerWriter();

    protected override void OnReceived(ReadOnlySequence<byte> message)
    {
        if (message.Length == sizeof(ulong))
        {
            Span<byte> number = stackalloc byte[sizeof(ulong)];
            message.CopyTo(number);
            received(BinaryPrimitives.ReadUInt64LittleEndian(number));
        }
    }

    private sealed class MarkerWriter : INatsSerialize<ulong>
    {
        public void Serialize(IBufferWriter<byte> bufferWriter, ulong value)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bufferWriter.GetSpan(sizeof(ulong)), value);
            bufferWriter.Advance(sizeof(ulong));
        }
    }
}
