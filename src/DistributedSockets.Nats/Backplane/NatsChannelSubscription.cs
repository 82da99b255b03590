using System.Buffers;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>One channel, subscribed or about to be.</summary>
internal sealed class NatsChannelSubscription(
    INatsConnection connection, INatsSubscriptionManager manager, string subject, string channel, Action<NatsChannelSubscription, ReadOnlySequence<byte>> received)
    : NatsSubscription(connection, manager, subject)
{
    private readonly Lock _gate = new();
    private string? _refusal;
    private bool _isConfirmed;

    public string Channel { get; } = channel;

    /// <summary>Whether the server is known to have it.</summary>
    public bool IsConfirmed
    {
        get
        {
            lock (_gate)
            {
                return _isConfirmed;
            }
        }
    }

    /// <summary>Whether a part of a payload has ever arrived.</summary>
    public bool HasPartials { get; set; }

    /// <summary>Notes that the server has it, unless it has refused it meanwhile.</summary>
    /// <returns>What the server said when it refused it; else <see langword="null"/>.</returns>
    public string? Confirm()
    {
        lock (_gate)
        {
            _isConfirmed = _refusal is null;
            return _refusal;
        }
    }

    /// <summary>Notes that the server refuses it.</summary>
    /// <param name="words">What the server says.</param>
    /// <returns>Whether it had been confirmed, so that nobody else tells of it; else whoever waits for that does.</returns>
    public bool Refuse(string words)
    {
        lock (_gate)
        {
            _refusal = words;
            return _isConfirmed;
        }
    }

    protected override void OnReceived(string subject, string? replyTo, ReadOnlySequence<byte>? headers, ReadOnlySequence<byte> message) => received(this, message);
}
