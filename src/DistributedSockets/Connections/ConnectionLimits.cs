using System.Net.WebSockets;

namespace DistributedSockets;

/// <summary>For how long a connection may last: by its age, by its authentication, and without a message.</summary>
internal struct ConnectionLimits
{
    private const double MaxAgeJitter = 0.1;

    private readonly long _openedAt; // a timestamp, so that a clock that jumps ends nothing
    private readonly TimeSpan _maxAge;
    private long _authenticationExpiresAt = long.MaxValue;
    private long _usedAt;

    internal ConnectionLimits(HubOptions options, TimeProvider time)
    {
        _openedAt = time.GetTimestamp();
        _maxAge = options.MaxConnectionAge == TimeSpan.Zero
            ? TimeSpan.MaxValue
            : options.MaxConnectionAge * (1 - (Random.Shared.NextDouble() * MaxAgeJitter));
    }

    /// <summary>How long it has been open.</summary>
    internal readonly TimeSpan Age(TimeProvider time) => time.GetElapsedTime(_openedAt);

    /// <summary>When the authentication runs out; <see langword="null"/> for never. May be changed at any time.</summary>
    internal DateTimeOffset? AuthenticationExpiresAt
    {
        get => Volatile.Read(ref _authenticationExpiresAt) is var ticks && ticks == long.MaxValue ? null : new DateTimeOffset(ticks, TimeSpan.Zero);
        set => Volatile.Write(ref _authenticationExpiresAt, value?.UtcTicks ?? long.MaxValue);
    }

    /// <summary>Why the connection has to be closed now, if it has to. Called from time to time.</summary>
    internal DisconnectReason? Exceeded(MessageReader reader, OutboundQueue queue, HubOptions options, TimeProvider time, long now)
    {
        if (reader.IsMessageLate(now))
        {
            return Closed(DisconnectKind.MessageTooSlow, WebSocketCloseStatus.PolicyViolation, $"A message may take {options.MessageTimeout}.");
        }

        if (time.GetElapsedTime(_openedAt, now) >= _maxAge)
        {
            return Closed(DisconnectKind.AgeReached, WebSocketCloseStatus.EndpointUnavailable, "The connection has been open for as long as it may.");
        }

        if (options.IdleTimeout != TimeSpan.Zero && IdleFor(reader, queue, time, now) >= options.IdleTimeout)
        {
            return Closed(DisconnectKind.Idle, WebSocketCloseStatus.PolicyViolation, $"No message was sent or received for {options.IdleTimeout}.");
        }

        return options.CloseOnAuthenticationExpiry && time.GetUtcNow().UtcTicks >= Volatile.Read(ref _authenticationExpiresAt)
            ? Closed(DisconnectKind.AuthenticationExpired, WebSocketCloseStatus.PolicyViolation, "The authentication has expired.")
            : null;
    }

    private static DisconnectReason Closed(DisconnectKind kind, WebSocketCloseStatus status, string description) =>
        new() { Kind = kind, CloseStatus = status, Description = description };

    private TimeSpan IdleFor(MessageReader reader, OutboundQueue queue, TimeProvider time, long now)
    {
        // A frame that is queued leaves only a mark, and the clock is read here, so that fan-outs need not read it.
        var since = reader.IdleSince;
        if (queue.TakeUsed() || since == 0)
        {
            _usedAt = now;
        }

        return time.GetElapsedTime(Math.Max(_usedAt, since), now);
    }
}
