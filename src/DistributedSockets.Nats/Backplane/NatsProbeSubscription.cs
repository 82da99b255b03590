using System.Buffers;
using System.Buffers.Binary;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>Hears the markers of a <see cref="NatsFence"/>, and the answers to the questions of <see cref="NatsPeers"/>.</summary>
internal sealed class NatsProbeSubscription(
    INatsConnection connection, INatsSubscriptionManager manager, string subject, Action<ulong> onMarker, Action<NatsPeerAnswer> onAnswer)
    : NatsSubscription(connection, manager, subject)
{
    public static INatsSerialize<ulong> Serializer { get; } = new MarkerWriter();

    protected override void OnReceived(string subject, string? replyTo, ReadOnlySequence<byte>? headers, ReadOnlySequence<byte> message)
    {
        if (message.Length == sizeof(ulong))
        {
            Span<byte> number = stackalloc byte[sizeof(ulong)];
            message.CopyTo(number);
            onMarker(BinaryPrimitives.ReadUInt64LittleEndian(number));
        }
        else if (NatsPeerAnswer.TryRead(message) is { } answer)
        {
            onAnswer(answer);
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
