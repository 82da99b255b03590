using System.Buffers;
using System.Text;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>Hears of the servers that nodes have connected to.</summary>
internal sealed class NatsArrivalSubscription(INatsConnection connection, INatsSubscriptionManager manager, string subject, Action<string> received)
    : NatsSubscription(connection, manager, subject)
{
    private const int MaxServerBytes = 128;

    public static INatsSerialize<string> Serializer { get; } = new Writer();

    protected override void OnReceived(string subject, string? replyTo, ReadOnlySequence<byte>? headers, ReadOnlySequence<byte> message)
    {
        if (message.Length is > 0 and <= MaxServerBytes)
        {
            received(Encoding.UTF8.GetString(message));
        }
    }

    private sealed class Writer : INatsSerialize<string>
    {
        public void Serialize(IBufferWriter<byte> bufferWriter, string value) => Encoding.UTF8.GetBytes(value, bufferWriter);
    }
}
