using System.Buffers;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>One subscribed channel.</summary>
internal sealed class NatsChannelSubscription(
    INatsConnection connection, INatsSubscriptionManager manager, string subject, string channel, Action<NatsChannelSubscription, ReadOnlySequence<byte>> received)
    : NatsSubscription(connection, manager, subject)
{
    public string Channel { get; } = channel;

    /// <summary>Whether a part of a payload has ever arrived.</summary>
    public bool HasPartials { get; set; }

    protected override void OnReceived(string? replyTo, ReadOnlySequence<byte> message) => received(this, message);
}
