using System.Buffers;
using System.Globalization;

namespace DistributedSockets;

/// <summary>Takes a message that a consumer delivers.</summary>
internal delegate void NatsLogMessageHandler(in NatsLogDelivery delivery, string subject, ReadOnlyMemory<byte> message);

/// <summary>Hears one consumer that pushes, and notices what it does not deliver.</summary>
internal sealed class NatsLogFeedSubscription(NatsLogApi api, string inbox, NatsLogMessageHandler onMessage, Action onBroken)
    : NatsSubscription(api.Connector.Connection, api.Subscriptions, inbox)
{
    private long _delivered;
    private long _heardAt = api.Time.GetTimestamp();
    private volatile bool _isBroken;

    /// <summary>Whether something is missing, or the consumer is gone.</summary>
    public bool IsBroken => _isBroken || HasFailed;

    /// <summary>When anything was heard, by the clock's timestamp.</summary>
    public long HeardAt => Volatile.Read(ref _heardAt);

    /// <summary>Hands over nothing more.</summary>
    public void Break() => _isBroken = true;

    protected override void OnReceived(string subject, string? replyTo, ReadOnlySequence<byte>? headers, ReadOnlySequence<byte> message)
    {
        Volatile.Write(ref _heardAt, api.Time.GetTimestamp());
        if (_isBroken)
        {
            return;
        }

        if (NatsLogDelivery.Read(replyTo) is { } delivery)
        {
            if (delivery.Delivered == _delivered + 1)
            {
                _delivered++;
                onMessage(delivery, subject, message.ToArray());
                return;
            }
        }
        else
        {
            switch (NatsStatus.Of(headers))
            {
                case NatsStatus.Control when replyTo is not null:
                    Answer(replyTo); // flow control: everything before it has been taken
                    return;

                case NatsStatus.Control:
                    if (NatsStatus.Header(headers, "Nats-Consumer-Stalled") is { } stalled)
                    {
                        Answer(stalled);
                    }

                    if (!long.TryParse(NatsStatus.Header(headers, "Nats-Last-Consumer"), NumberStyles.None, CultureInfo.InvariantCulture, out var last) || last == _delivered)
                    {
                        return;
                    }

                    break;

                case 0:
                    return; // by somebody who has guessed the inbox
            }
        }

        // One is missing, or the consumer is gone.
        _isBroken = true;
        onBroken();
    }

    private void Answer(string subject) => Connection.PublishAsync(subject).AsTask().Observe();
}
