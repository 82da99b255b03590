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
    private readonly int _excludedAt;
    private readonly int _bodyAt;
    private readonly ushort _nameCount;
    private readonly ushort _excludedCount;
    private readonly byte _originLength;

    private Envelope(ReadOnlyMemory<byte> bytes, EnvelopeKind kind, byte originLength, int bodyAt)
    {
        _bytes = bytes;
        _originLength = originLength;
        _bodyAt = bodyAt;
        Kind = kind;
    }

    private Envelope(
        ReadOnlyMemory<byte> bytes,
        byte originLength,
        WebSocketTargetKind target,
        ushort nameCount,
        int excludedAt,
        ushort excludedCount,
        int frameAt)
        : this(bytes, EnvelopeKind.Frame, originLength, frameAt)
    {
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
    internal Guid MessageId => new(_bytes.Span.Slice(TargetAt + 1, EnvelopeWriter.GuidBytes), bigEndian: true);

    /// <summary>Whether the compressed frame stands behind the plain one.</summary>
    internal bool HasDeflated => (_bytes.Span[EnvelopeWriter.FlagsAt] & EnvelopeWriter.DeflatedFlag) != 0;

    /// <summary>The plain frame and, if there is one, the compressed frame behind it. Nobody has looked at either yet.</summary>
    internal ReadOnlyMemory<byte> Frame => _bytes[_bodyAt..];

    private int TargetAt => EnvelopeWriter.FixedHeaderBytes + _originLength;

    /// <summary>Reads an envelope; false if it is none of this version, or a length in it is wrong. Allocates nothing.</summary>
    internal static bool TryRead(ReadOnlyMemory<byte> bytes, out Envelope envelope)
    {
        envelope = default;
        var span = bytes.Span;
        if (span.Length <= EnvelopeWriter.FixedHeaderBytes || span[0] != EnvelopeWriter.Version || span[1] is < 1 or > 3
            || span[EnvelopeWriter.FlagsAt] > (span[1] == (byte)EnvelopeKind.Frame ? EnvelopeWriter.DeflatedFlag : 0) || span[3] != 0
            || span[4] == 0 || span.Length < EnvelopeWriter.FixedHeaderBytes + span[4])
        {
            return false;
        }

        var reader = new EnvelopeReader(span, EnvelopeWriter.FixedHeaderBytes + span[4]);
        if ((EnvelopeKind)span[1] != EnvelopeKind.Frame)
        {
            envelope = new(bytes, (EnvelopeKind)span[1], span[4], reader.Position);
            return true;
        }

        if (!reader.TryReadByte(out var target) || target > (byte)WebSocketTargetKind.Groups || !reader.TrySkip(EnvelopeWriter.GuidBytes)
            || !reader.TrySkipStrings(out var nameCount) || !IsNameCount((WebSocketTargetKind)target, nameCount))
        {
            return false;
        }

        var excludedAt = reader.Position;
        if (!reader.TrySkipStrings(out var excludedCount))
        {
            return false;
        }

        envelope = new(bytes, span[4], (WebSocketTargetKind)target, nameCount, excludedAt, excludedCount, reader.Position);
        return true;
    }

    /// <summary>The names of a frame's target: none for everyone, one user or group, or connections.</summary>
    /// <param name="scratch">Where each name is decoded: <see cref="NameList.ScratchChars"/>.</param>
    internal NameList Names(Span<char> scratch) =>
        new(_bytes.Span[(TargetAt + 1 + EnvelopeWriter.GuidBytes + sizeof(ushort))..], _nameCount, scratch);

    /// <summary>The connections that get nothing of a frame.</summary>
    /// <param name="scratch">Where each name is decoded: <see cref="NameList.ScratchChars"/>.</param>
    internal NameList Excluded(Span<char> scratch) => new(_bytes.Span[(_excludedAt + sizeof(ushort))..], _excludedCount, scratch);

    /// <summary>What a command or reply holds behind the header, for whoever carries it out.</summary>
    internal EnvelopeReader Body() => new(_bytes.Span, _bodyAt);

    /// <summary>
    /// A user or group has an envelope to itself. More of them in one, or one of them over and over, would make much of few bytes.
    /// </summary>
    private static bool IsNameCount(WebSocketTargetKind kind, int count) => kind switch
    {
        WebSocketTargetKind.All => count == 0,
        WebSocketTargetKind.Connections => count > 0,
        _ => count == 1,
    };
}
