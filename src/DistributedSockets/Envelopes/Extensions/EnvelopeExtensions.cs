using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;

namespace DistributedSockets;

/// <summary>What a sender puts into the extension area of an envelope. What is not set is not written.</summary>
internal readonly struct EnvelopeExtensions
{
    /// <summary>The activity that the envelope is part of; see <see cref="TraceContextValue.Current"/>.</summary>
    internal ActivityContext TraceContext { get; init; }

    /// <summary>What the send asked for the delivery of its message, if anything.</summary>
    internal DeliveryTerms? Terms { get; init; }

    /// <summary>Under which id the sender waits for an answer; empty if it does not.</summary>
    internal Guid Confirmation { get; init; }

    /// <summary>How many bytes they take, behind the length of the area.</summary>
    internal int Bytes => BytesOf(TraceContextValue.CountBytes(TraceContext))
        + BytesOf(Confirmation == Guid.Empty ? 0 : EnvelopeWriter.GuidBytes)
        + (Terms is null ? 0 : BytesOf(Terms.TimeToLive is null ? 0 : sizeof(uint)) + BytesOf(Encoding.UTF8.GetByteCount(Terms.ConflationKey ?? ""))
            + BytesOf(Encoding.UTF8.GetByteCount(Terms.FilterText ?? "")) + BytesOf(Terms.Metadata.Length));

    /// <summary>Writes the extension area, in ascending order of ids.</summary>
    /// <returns>What is behind it.</returns>
    internal Span<byte> Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(destination, checked((ushort)Bytes));
        var rest = destination[sizeof(ushort)..];
        if (Terms?.FilterText is { } filter)
        {
            Encoding.UTF8.GetBytes(filter, Begin(EnvelopeExtension.Filter, Encoding.UTF8.GetByteCount(filter), ref rest));
        }

        if (TraceContextValue.CountBytes(TraceContext) is var trace and > 0)
        {
            TraceContextValue.Write(Begin(EnvelopeExtension.TraceContext, trace, ref rest), TraceContext);
        }

        if (Terms?.TimeToLive is { } timeToLive)
        {
            var milliseconds = (uint)Math.Ceiling(timeToLive.TotalMilliseconds);
            BinaryPrimitives.WriteUInt32LittleEndian(Begin(EnvelopeExtension.TimeToLive, sizeof(uint), ref rest), milliseconds);
        }

        if (Terms?.ConflationKey is { } key)
        {
            Encoding.UTF8.GetBytes(key, Begin(EnvelopeExtension.ConflationKey, Encoding.UTF8.GetByteCount(key), ref rest));
        }

        if (Confirmation != Guid.Empty)
        {
            Confirmation.TryWriteBytes(Begin(EnvelopeExtension.Confirmation, EnvelopeWriter.GuidBytes, ref rest), bigEndian: true, out _);
        }

        if (Terms is { Metadata: { IsEmpty: false } metadata })
        {
            metadata.Span.CopyTo(Begin(EnvelopeExtension.Metadata, metadata.Length, ref rest));
        }

        return rest;
    }

    private static int BytesOf(int value) => value == 0 ? 0 : EnvelopeExtension.HeaderBytes + value;

    /// <summary>Writes what stands before a value.</summary>
    /// <param name="extension">The extension.</param>
    /// <param name="length">The length of its value.</param>
    /// <param name="rest">Where to write, of which this leaves what is behind the value.</param>
    /// <returns>Where the value is to be written.</returns>
    private static Span<byte> Begin(EnvelopeExtension extension, int length, ref Span<byte> rest)
    {
        Debug.Assert(length >= extension.MinBytes && length <= extension.MaxBytes, "A reader would not take an extension of this length.");
        rest[0] = extension.Id;
        BinaryPrimitives.WriteUInt16LittleEndian(rest[1..], checked((ushort)length));
        var value = rest.Slice(EnvelopeExtension.HeaderBytes, length);
        rest = rest[(EnvelopeExtension.HeaderBytes + length)..];
        return value;
    }
}
