using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace DistributedSockets;

/// <summary>What a send asked for the delivery of its message: for how long it is worth writing, and what it is the newest state of.</summary>
/// <remarks>One for all who get the message on this node; most messages have none.</remarks>
internal sealed class DeliveryTerms
{
    private readonly TimeProvider _time;

    /// <param name="timeToLive">For how long it is worth writing; null for ever.</param>
    /// <param name="conflationKey">What it is the newest state of; null for nothing.</param>
    /// <param name="since">When this node got it: a timestamp of the clock.</param>
    /// <param name="time">The clock.</param>
    internal DeliveryTerms(TimeSpan? timeToLive, string? conflationKey, long since, TimeProvider time)
    {
        TimeToLive = timeToLive;
        ConflationKey = conflationKey;
        ExpiresAt = timeToLive is { } lifetime ? since + (long)(lifetime.Ticks * ((double)time.TimestampFrequency / TimeSpan.TicksPerSecond)) : long.MaxValue;
        _time = time;
    }

    internal TimeSpan? TimeToLive { get; }

    internal string? ConflationKey { get; }

    /// <summary>When it is too late to begin to write it: a timestamp of the clock.</summary>
    internal long ExpiresAt { get; }

    /// <summary>The timestamp of the clock.</summary>
    internal long Now => _time.GetTimestamp();

    /// <summary>Whether it is too late to begin to write it.</summary>
    internal bool IsExpired => ExpiresAt != long.MaxValue && Now >= ExpiresAt;

    /// <summary>The terms of a send of this node, if it has any.</summary>
    internal static DeliveryTerms? Of(in SendOptions options, TimeProvider time) => options is { TimeToLive: null, ConflationKey: null }
        ? null
        : new(options.TimeToLive, options.ConflationKey, time.GetTimestamp(), time);

    /// <summary>The terms that came with an envelope, if any. A key that is no UTF-8 is passed over.</summary>
    internal static DeliveryTerms? Of(in Envelope envelope, long arrivedAt, TimeProvider time)
    {
        var expires = envelope.TryFind(EnvelopeExtension.TimeToLive, out var milliseconds);
        var conflates = envelope.TryFind(EnvelopeExtension.ConflationKey, out var key) && Utf8.IsValid(key);
        return expires || conflates
            ? new(
                expires ? TimeSpan.FromMilliseconds(BinaryPrimitives.ReadUInt32LittleEndian(milliseconds)) : null,
                conflates ? Encoding.UTF8.GetString(key) : null,
                arrivedAt,
                time)
            : null;
    }
}
