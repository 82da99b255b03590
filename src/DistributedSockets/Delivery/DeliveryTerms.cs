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
    /// <param name="metadata">What the subprotocols of the hub are to know of it.</param>
    /// <param name="filterText">Who gets it, as it was sent; null for everyone.</param>
    /// <param name="filter">The same, read.</param>
    /// <param name="since">When this node got it: a timestamp of the clock.</param>
    /// <param name="time">The clock.</param>
    internal DeliveryTerms(
        TimeSpan? timeToLive, string? conflationKey, ReadOnlyMemory<byte> metadata, string? filterText, IRecipientFilter? filter, long since, TimeProvider time)
    {
        TimeToLive = timeToLive;
        ConflationKey = conflationKey;
        Metadata = metadata;
        FilterText = filterText;
        Filter = filter;
        ExpiresAt = timeToLive is { } lifetime ? since + (long)(lifetime.Ticks * ((double)time.TimestampFrequency / TimeSpan.TicksPerSecond)) : long.MaxValue;
        _time = time;
    }

    internal TimeSpan? TimeToLive { get; }

    internal string? ConflationKey { get; }

    /// <summary>What the subprotocols of the hub are to know of it.</summary>
    internal ReadOnlyMemory<byte> Metadata { get; }

    /// <summary>Who gets it, as it was sent; null for everyone.</summary>
    internal string? FilterText { get; }

    /// <summary>Who gets it; null for everyone.</summary>
    internal IRecipientFilter? Filter { get; }

    /// <summary>When it is too late to begin to write it: a timestamp of the clock.</summary>
    internal long ExpiresAt { get; }

    /// <summary>The timestamp of the clock.</summary>
    internal long Now => _time.GetTimestamp();

    /// <summary>Whether it is too late to begin to write it.</summary>
    internal bool IsExpired => ExpiresAt != long.MaxValue && Now >= ExpiresAt;

    /// <summary>The terms of a send of this node, if it has any.</summary>
    /// <exception cref="ArgumentException">The filter cannot be read.</exception>
    /// <exception cref="InvalidOperationException">There is a filter, and the hub knows no language of filters.</exception>
    internal static DeliveryTerms? Of(in SendOptions options, IRecipientFilterFactory? filters, TimeProvider time) => options is { TimeToLive: null, ConflationKey: null, Metadata.IsEmpty: true, Filter: null }
        ? null
        : new(
            options.TimeToLive,
            options.ConflationKey,
            options.Metadata.ToArray(), // the message may wait for longer than the send takes
            options.Filter,
            options.Filter is { } filter ? RecipientFilters.Read(filter, filters) : null,
            time.GetTimestamp(),
            time);

    /// <summary>The terms that came with an envelope, if any. A key that is no UTF-8 is passed over.</summary>
    internal static DeliveryTerms? Of(in Envelope envelope, IRecipientFilterFactory? filters, long arrivedAt, TimeProvider time)
    {
        var expires = envelope.TryFind(EnvelopeExtension.TimeToLive, out var milliseconds);
        var conflates = envelope.TryFind(EnvelopeExtension.ConflationKey, out var key) && Utf8.IsValid(key);
        var isDescribed = envelope.TryFind(EnvelopeExtension.Metadata, out var metadata);
        var isFiltered = envelope.TryFind(EnvelopeExtension.Filter, out var text);
        var filter = isFiltered && Utf8.IsValid(text) ? Encoding.UTF8.GetString(text) : null;
        return expires || conflates || isDescribed || isFiltered
            ? new(
                expires ? TimeSpan.FromMilliseconds(BinaryPrimitives.ReadUInt32LittleEndian(milliseconds)) : null,
                conflates ? Encoding.UTF8.GetString(key) : null,
                metadata.ToArray(),
                filter,
                !isFiltered ? null : filter is null ? RecipientFilters.Nobody : RecipientFilters.ReadReceived(filter, filters),
                arrivedAt,
                time)
            : null;
    }
}
