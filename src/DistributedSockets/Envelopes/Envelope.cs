using System.Diagnostics;

namespace DistributedSockets;

/// <summary>An envelope that has been read: its memory, and where in it everything stands.</summary>
/// <remarks>
/// Read once, by whoever opens the envelope, and handed on from there: the lengths in it have been checked, so nobody reads it again.
/// What costs more than looking at lengths is left to whoever needs it: whether a name is UTF-8, whether the frame is a whole one, what a
/// command says.
/// </remarks>
internal readonly struct Envelope
{
    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly ExtensionPositions _extensions;
    private readonly int _targetAt;
    private readonly int _excludedAt;
    private readonly int _bodyAt;
    private readonly ushort _nameCount;
    private readonly ushort _excludedCount;
    private readonly byte _originLength;

    private Envelope(ReadOnlyMemory<byte> bytes, EnvelopeKind kind, byte originLength, in ExtensionPositions extensions, int bodyAt)
    {
        _bytes = bytes;
        _originLength = originLength;
        _extensions = extensions;
        _bodyAt = bodyAt;
        Kind = kind;
    }

    private Envelope(
        ReadOnlyMemory<byte> bytes,
        byte originLength,
        in ExtensionPositions extensions,
        int targetAt,
        WebSocketTargetKind target,
        ushort nameCount,
        int excludedAt,
        ushort excludedCount,
        int frameAt)
        : this(bytes, EnvelopeKind.Frame, originLength, extensions, frameAt)
    {
        _targetAt = targetAt;
        Target = target;
        _nameCount = nameCount;
        _excludedAt = excludedAt;
        _excludedCount = excludedCount;
    }

    internal EnvelopeKind Kind { get; }

    /// <summary>All of it.</summary>
    internal ReadOnlyMemory<byte> Bytes => _bytes;

    internal int Length => _bytes.Length;

    /// <summary>The node id of the publisher, in UTF-8.</summary>
    internal ReadOnlySpan<byte> Origin => _bytes.Span.Slice(EnvelopeWriter.FixedHeaderBytes, _originLength);

    /// <summary>What the names of a frame's target are.</summary>
    internal WebSocketTargetKind Target { get; }

    /// <summary>Which message a frame is, if it went out on several channels; else empty.</summary>
    internal Guid MessageId => new(_bytes.Span.Slice(_targetAt + 1, EnvelopeWriter.GuidBytes), bigEndian: true);

    /// <summary>Whether the compressed frame stands behind the plain one.</summary>
    internal bool HasDeflated => (_bytes.Span[EnvelopeWriter.FlagsAt] & EnvelopeWriter.DeflatedFlag) != 0;

    /// <summary>The plain frame and, if there is one, the compressed frame behind it. Nobody has looked at either yet.</summary>
    internal ReadOnlyMemory<byte> Frame => _bytes[_bodyAt..];

    /// <summary>Reads a clear envelope. Allocates nothing.</summary>
    /// <param name="bytes">The envelope.</param>
    /// <param name="knowledge">What is known beside the layout of this version.</param>
    /// <param name="envelope">The envelope, if it is taken.</param>
    /// <param name="maxNames">
    /// How many users, groups or connections an entry of a log may name. On a channel, for which this is 0, a user or group has an envelope to
    /// itself: more of them in one, or one of them over and over, would make much of few bytes.
    /// </param>
    /// <returns>
    /// <see cref="EnvelopeVerdict.Taken"/>; <see cref="EnvelopeVerdict.Unreadable"/> if it is none of this version and form, or a length in it
    /// is wrong; <see cref="EnvelopeVerdict.NotUnderstood"/> or <see cref="EnvelopeVerdict.Ignored"/> if a later version has added something to
    /// it that is not known here.
    /// </returns>
    internal static EnvelopeVerdict Read(ReadOnlyMemory<byte> bytes, EnvelopeKnowledge knowledge, out Envelope envelope, int maxNames = 0)
    {
        envelope = default;
        var span = bytes.Span;
        if (span.Length <= EnvelopeWriter.FixedHeaderBytes || span[0] != EnvelopeWriter.Version
            || span[EnvelopeWriter.FormAt] != (byte)EnvelopeForm.Clear || span[EnvelopeWriter.OriginLengthAt] == 0)
        {
            return EnvelopeVerdict.Unreadable;
        }

        var originLength = span[EnvelopeWriter.OriginLengthAt];
        var reader = new EnvelopeReader(span, EnvelopeWriter.FixedHeaderBytes);
        if (!reader.TrySkip(originLength))
        {
            return EnvelopeVerdict.Unreadable;
        }

        var verdict = ExtensionPositions.Read(ref reader, knowledge, out var extensions);
        if (verdict == EnvelopeVerdict.Unreadable)
        {
            return verdict;
        }

        var kind = (EnvelopeKind)span[EnvelopeWriter.KindAt];
        if (!knowledge.Knows(kind))
        {
            return ((byte)kind & EnvelopeKnowledge.MayBeIgnored) != 0 ? EnvelopeVerdict.Ignored : EnvelopeVerdict.NotUnderstood;
        }

        if (verdict == EnvelopeVerdict.NotUnderstood || span[EnvelopeWriter.FlagsAt] > (kind == EnvelopeKind.Frame ? EnvelopeWriter.DeflatedFlag : 0))
        {
            return EnvelopeVerdict.NotUnderstood; // a flag changes the layout of what follows
        }

        if (kind != EnvelopeKind.Frame)
        {
            envelope = new(bytes, kind, originLength, extensions, reader.Position);
            return EnvelopeVerdict.Taken;
        }

        var targetAt = reader.Position;
        if (!reader.TryReadByte(out var target) || target > (byte)WebSocketTargetKind.Groups || !reader.TrySkip(EnvelopeWriter.GuidBytes)
            || !reader.TrySkipStrings(out var nameCount) || !IsNameCount((WebSocketTargetKind)target, nameCount, maxNames))
        {
            return EnvelopeVerdict.Unreadable;
        }

        var excludedAt = reader.Position;
        if (!reader.TrySkipStrings(out var excludedCount))
        {
            return EnvelopeVerdict.Unreadable;
        }

        envelope = new(bytes, originLength, extensions, targetAt, (WebSocketTargetKind)target, nameCount, excludedAt, excludedCount, reader.Position);
        return EnvelopeVerdict.Taken;
    }

    /// <summary>Finds the value of an extension, whose length has been checked.</summary>
    /// <returns>False if it is not there, or has been passed over.</returns>
    internal bool TryFind(EnvelopeExtension extension, out ReadOnlySpan<byte> value) =>
        _extensions.TryFind(extension, _bytes.Span[(EnvelopeWriter.FixedHeaderBytes + _originLength + sizeof(ushort))..], out value);

    /// <summary>Under which id its sender waits for an answer; empty if it does not.</summary>
    internal Guid Confirmation => TryFind(EnvelopeExtension.Confirmation, out var id) ? new(id, bigEndian: true) : Guid.Empty;

    /// <summary>The trace context of whoever sent it; false if there is none. Allocates its texts.</summary>
    internal bool TryGetTraceContext(out ActivityContext context)
    {
        context = default;
        return TryFind(EnvelopeExtension.TraceContext, out var value) && TraceContextValue.TryRead(value, out context);
    }

    /// <summary>The names of a frame's target: none for everyone, one user or group, or connections.</summary>
    /// <param name="scratch">Where each name is decoded: <see cref="NameList.ScratchChars"/>.</param>
    internal NameList Names(Span<char> scratch) =>
        new(_bytes.Span[(_targetAt + 1 + EnvelopeWriter.GuidBytes + sizeof(ushort))..], _nameCount, scratch);

    /// <summary>The connections that get nothing of a frame.</summary>
    /// <param name="scratch">Where each name is decoded: <see cref="NameList.ScratchChars"/>.</param>
    internal NameList Excluded(Span<char> scratch) => new(_bytes.Span[(_excludedAt + sizeof(ushort))..], _excludedCount, scratch);

    /// <summary>What a command or reply holds behind the header, for whoever carries it out.</summary>
    internal EnvelopeReader Body() => new(_bytes.Span, _bodyAt);

    private static bool IsNameCount(WebSocketTargetKind kind, int count, int maxNames) => kind switch
    {
        WebSocketTargetKind.All => count == 0,
        _ when maxNames > 0 => count > 0 && count <= maxNames,
        WebSocketTargetKind.Connections => count > 0,
        _ => count == 1,
    };
}
