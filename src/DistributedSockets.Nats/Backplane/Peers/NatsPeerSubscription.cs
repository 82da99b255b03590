using System.Buffers;
using System.Buffers.Binary;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>Hears the questions of <see cref="NatsPeers"/>, one of the nodes that share a server each.</summary>
internal sealed class NatsPeerSubscription(
    INatsConnection connection, INatsSubscriptionManager manager, string subject, string server, Action<ulong, string> received)
    : NatsSubscription(connection, manager, subject, queueGroup: server)
{
    protected override void OnReceived(string subject, string? replyTo, ReadOnlySequence<byte>? headers, ReadOnlySequence<byte> message)
    {
        if (replyTo is not null && message.Length == sizeof(ulong))
        {
            Span<byte> number = stackalloc byte[sizeof(ulong)];
            message.CopyTo(number);
            received(BinaryPrimitives.ReadUInt64LittleEndian(number), replyTo);
        }
    }
}
