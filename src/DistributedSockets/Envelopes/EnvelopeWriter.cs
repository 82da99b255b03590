using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace DistributedSockets;

/// <summary>Writes envelopes into pooled arrays; whoever asked for one returns it, or releases the frame that holds it. The format is in <c>docs/wire-format.md</c>.</summary>
/// <param name="originNodeId">The node that writes.</param>
/// <param name="maxBytes">The largest envelope; see <see cref="RoomFor"/>.</param>
internal sealed class EnvelopeWriter(string originNodeId, int maxBytes = int.MaxValue)
{
    /// <summary>The layout of what every envelope begins with, whatever its form: the first byte.</summary>
    internal const byte Version = 1;

    /// <summary>The flag of a frame envelope that carries the compressed frame behind the plain one.</summary>
    internal const byte DeflatedFlag = 1;

    /// <summary>The flag of news of presence: the user is there.</summary>
    internal const byte PresentFlag = 1;

    /// <summary>The flag of news of presence: they are about a user in a group.</summary>
    internal const byte GroupFlag = 2;

    /// <summary>Where the <see cref="EnvelopeForm"/> stands, behind the version.</summary>
    internal const int FormAt = 1;

    /// <summary>Where the <see cref="EnvelopeKind"/> stands.</summary>
    internal const int KindAt = 2;

    /// <summary>Where the flags stand.</summary>
    internal const int FlagsAt = 3;

    /// <summary>Where the length of the origin stands.</summary>
    internal const int OriginLengthAt = 4;

    /// <summary>What stands before the origin: version, form, kind, flags, length of the origin.</summary>
    internal const int FixedHeaderBytes = 5;

    /// <summary>What stands before a message that is not in a frame; the opcodes of RFC 6455.</summary>
    internal const byte TextMessage = 1;

    /// <inheritdoc cref="TextMessage"/>
    internal const byte BinaryMessage = 2;

    /// <summary>How long the id of a message or request is.</summary>
    internal const int GuidBytes = 16;

    private readonly byte[] _origin = Encoding.UTF8.GetBytes(originNodeId);

    /// <summary>The node that writes, as it stands in its envelopes.</summary>
    internal ReadOnlySpan<byte> Origin => _origin;

    /// <summary>How many bytes of frames and extensions fit into one envelope for a target.</summary>
    /// <remarks>
    /// Checked before anything is sent. Connections share an envelope only as far as they fit, so there the longest id counts alone,
    /// and exclusions are none; see <see cref="CountFitting"/>.
    /// </remarks>
    /// <param name="target">The target.</param>
    /// <param name="excluded">Connections that get nothing.</param>
    /// <param name="together">Whether all names of the target go into the same envelope, as into an entry of a log.</param>
    internal long RoomFor(in WebSocketTarget target, IReadOnlyList<string> excluded, bool together = false)
    {
        var room = (long)maxBytes - FrameHeaderBytes;
        var longest = 0;
        if (together)
        {
            for (var i = 0; i < target.Count; i++)
            {
                longest += sizeof(ushort) + (target.Kind == WebSocketTargetKind.Connections
                    ? Math.Min(target[i].Length, ConnectionId.MaxLength)
                    : Encoding.UTF8.GetByteCount(target[i]));
            }
        }
        else if (target.Kind == WebSocketTargetKind.Connections)
        {
            for (var i = 0; i < target.Count; i++)
            {
                longest = Math.Max(longest, Math.Min(target[i].Length, ConnectionId.MaxLength)); // ASCII, or it belongs to no node
            }

            return room - sizeof(ushort) - longest;
        }
        else
        {
            for (var i = 0; i < target.Count; i++)
            {
                longest = Math.Max(longest, sizeof(ushort) + Encoding.UTF8.GetByteCount(target[i]));
            }
        }

        for (var i = 0; i < excluded.Count; i++)
        {
            room -= sizeof(ushort) + Encoding.UTF8.GetByteCount(excluded[i]);
        }

        return room - longest;
    }

    /// <summary>How many of some connection ids fit into one envelope beside a frame; at least one, since <see cref="RoomFor"/> has said so.</summary>
    internal int CountFitting(ReadOnlySpan<string> connectionIds, SharedFrame frame, in EnvelopeExtensions extensions = default)
    {
        var room = (long)maxBytes - FrameHeaderBytes - extensions.Bytes - frame.Length - frame.Deflated.Length;
        var count = 0;
        while (count < connectionIds.Length && count < ushort.MaxValue && (room -= sizeof(ushort) + connectionIds[count].Length) >= 0)
        {
            count++;
        }

        return Math.Max(1, count);
    }

    /// <summary>Encodes a message as a frame in its envelope: for one user or group, for everyone, or for connections of one node.</summary>
    /// <param name="kind">What the names are.</param>
    /// <param name="names">The names; empty for everyone.</param>
    /// <param name="excluded">Connections that get nothing.</param>
    /// <param name="message">The message.</param>
    /// <param name="deflater">Compresses it as well, if given.</param>
    /// <param name="extensions">What goes into the extension area.</param>
    /// <returns>A frame whose <see cref="SharedFrame.Envelope"/> is complete. The caller owns one reference.</returns>
    /// <exception cref="ArgumentException">A text message is no valid UTF-8.</exception>
    internal SharedFrame Encode(
        WebSocketTargetKind kind,
        ReadOnlySpan<string> names,
        IReadOnlyList<string> excluded,
        in WebSocketMessage message,
        FrameDeflater? deflater,
        in EnvelopeExtensions extensions = default)
    {
        var frame = SharedFrame.Encode(message, deflater, HeaderBytes(names, excluded) + extensions.Bytes, extensions.Terms);
        WriteFrameHeader(frame.Headroom, kind, names, excluded, Guid.Empty, !frame.Deflated.IsEmpty, extensions);
        return frame;
    }

    /// <summary>Writes the envelope of a frame that goes into several: for one user or group, or for connections of one node.</summary>
    /// <param name="kind">What the names are.</param>
    /// <param name="names">The names; empty for everyone.</param>
    /// <param name="excluded">Connections that get nothing.</param>
    /// <param name="messageId">Not empty if the same message goes out on several channels of which a node may hear more than one.</param>
    /// <param name="frame">The frame, of which this is a copy.</param>
    /// <param name="length">The length of the envelope in the array.</param>
    /// <param name="extensions">What goes into the extension area.</param>
    internal byte[] WriteFrame(
        WebSocketTargetKind kind,
        ReadOnlySpan<string> names,
        IReadOnlyList<string> excluded,
        Guid messageId,
        SharedFrame frame,
        out int length,
        in EnvelopeExtensions extensions = default)
    {
        length = HeaderBytes(names, excluded) + extensions.Bytes + frame.Length + frame.Deflated.Length;
        var array = ArrayPool<byte>.Shared.Rent(length);
        var rest = WriteFrameHeader(array, kind, names, excluded, messageId, !frame.Deflated.IsEmpty, extensions);
        frame.Bytes.Span.CopyTo(rest);
        frame.Deflated.Span.CopyTo(rest[frame.Length..]);
        return array;
    }

    /// <summary>Whether a question fits into an envelope, whatever its sender adds.</summary>
    internal bool HasRoomFor(in RemoteCommand command) => CommandBytes(command) + EnvelopeExtension.HeaderBytes + TraceContextValue.MaxBytes <= maxBytes;

    internal byte[] WriteCommand(Guid requestId, in RemoteCommand command, out int length, in EnvelopeExtensions extensions = default)
    {
        length = CommandBytes(command) + extensions.Bytes;
        var array = ArrayPool<byte>.Shared.Rent(length);
        var rest = WriteHeader(array, EnvelopeKind.Command, flags: 0, extensions);
        rest = WriteGuid(rest, requestId);
        rest[0] = (byte)command.Kind;
        rest = WriteUInt16(rest[1..], command.CloseStatus);
        rest = WriteString(rest, command.Subject);
        rest = WriteString(rest, command.Group);
        rest = WriteString(rest, command.Reason);
        if (command.Kind == RemoteCommandKind.Ask)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(rest, (uint)Math.Ceiling(command.AnswerTimeout.TotalMilliseconds));
            rest = rest[sizeof(uint)..];
        }

        if (command.Kind is RemoteCommandKind.Ask or RemoteCommandKind.SetProperties)
        {
            WriteMessage(rest, command.Message);
        }

        return array;
    }

    /// <summary>Writes the answer to a command. One that is too large for an envelope is replaced by the word that it was.</summary>
    internal byte[] WriteReply(Guid requestId, in CommandAnswer answer, out int length)
    {
        var (outcome, message) = (answer.Outcome, answer.Message);
        length = ReplyBytes + (message is null ? 0 : MessageBytes(message.Value));
        if (length > maxBytes)
        {
            (outcome, message, length) = (RemoteCommandOutcome.AnswerTooLarge, null, ReplyBytes);
        }

        var array = ArrayPool<byte>.Shared.Rent(length);
        var rest = WriteGuid(WriteHeader(array, EnvelopeKind.Reply, flags: 0, default), requestId);
        rest[0] = (byte)outcome;
        if (message is not null)
        {
            WriteMessage(rest[1..], message.Value);
        }

        return array;
    }

    internal byte[] WritePresence(PresenceAnnouncement announcement, out int length)
    {
        length = BasicHeaderBytes + sizeof(ushort) + Encoding.UTF8.GetByteCount(announcement.Epoch) + 1 + sizeof(long) + sizeof(ushort);
        foreach (var news in announcement.News)
        {
            length += 1 + sizeof(long) + sizeof(ushort) + Encoding.UTF8.GetByteCount(news.Subject.UserId)
                + (news.Subject.Group is { } group ? sizeof(ushort) + Encoding.UTF8.GetByteCount(group) : 0);
        }

        var array = ArrayPool<byte>.Shared.Rent(length);
        var rest = WriteHeader(array, EnvelopeKind.Presence, flags: 0, default);
        rest = WriteString(rest, announcement.Epoch);
        rest[0] = announcement.IsSettled ? (byte)1 : (byte)0;
        rest = WriteInt64(rest[1..], announcement.Number);
        rest = WriteUInt16(rest, checked((ushort)announcement.News.Count));
        foreach (var news in announcement.News)
        {
            rest[0] = (byte)((news.IsPresent ? PresentFlag : 0) | (news.Subject.Group is null ? 0 : GroupFlag));
            rest = WriteInt64(rest[1..], news.Version);
            rest = WriteString(rest, news.Subject.UserId);
            rest = news.Subject.Group is { } group ? WriteString(rest, group) : rest;
        }

        return array;
    }

    /// <summary>Writes that a log has lost entries which it had given out.</summary>
    /// <param name="after">Behind which offset.</param>
    /// <param name="upTo">Up to which offset.</param>
    /// <param name="length">The length of the envelope in the array.</param>
    internal byte[] WriteLogGap(long after, long upTo, out int length)
    {
        length = BasicHeaderBytes + sizeof(long) + sizeof(long);
        var array = ArrayPool<byte>.Shared.Rent(length);
        WriteInt64(WriteInt64(WriteHeader(array, EnvelopeKind.LogGap, flags: 0, default), after), upTo);
        return array;
    }

    /// <summary>Writes that sessions join or leave groups.</summary>
    /// <param name="change">The change.</param>
    /// <param name="length">The length of the envelope in the array.</param>
    internal byte[] WriteSessionGroups(in SessionGroupChange change, out int length)
    {
        var group = change.Group ?? "";
        length = BasicHeaderBytes + GuidBytes + 2 + sizeof(int) + (2 * sizeof(ushort)) + Encoding.UTF8.GetByteCount(change.Subject) + Encoding.UTF8.GetByteCount(group);
        var array = ArrayPool<byte>.Shared.Rent(length);
        var rest = WriteGuid(WriteHeader(array, EnvelopeKind.SessionGroups, flags: 0, default), change.RequestId);
        rest[0] = (byte)change.Kind;
        rest[1] = change.IsJoin ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteInt32LittleEndian(rest[2..], change.MaxGroups);
        WriteString(WriteString(rest[(2 + sizeof(int))..], change.Subject), group);
        return array;
    }

    /// <summary>Writes that the app ends sessions.</summary>
    /// <param name="ending">Which, and why.</param>
    /// <param name="length">The length of the envelope in the array.</param>
    internal byte[] WriteSessionEnding(in SessionEnding ending, out int length)
    {
        length = BasicHeaderBytes + 1 + (3 * sizeof(ushort)) + Encoding.UTF8.GetByteCount(ending.Subject) + Encoding.UTF8.GetByteCount(ending.Description);
        var array = ArrayPool<byte>.Shared.Rent(length);
        var rest = WriteHeader(array, EnvelopeKind.SessionEnding, flags: 0, default);
        rest[0] = (byte)ending.Kind;
        BinaryPrimitives.WriteUInt16LittleEndian(rest[1..], ending.CloseStatus);
        WriteString(WriteString(rest[(1 + sizeof(ushort))..], ending.Subject), ending.Description);
        return array;
    }

    /// <summary>What every envelope has: the header, the origin, and the length of the extension area.</summary>
    private int BasicHeaderBytes => FixedHeaderBytes + _origin.Length + sizeof(ushort);

    /// <summary>What a frame envelope has besides extensions, names and frames: the header, the kind of target, a message id, and two counts.</summary>
    private int FrameHeaderBytes => BasicHeaderBytes + 1 + GuidBytes + sizeof(ushort) + sizeof(ushort);

    /// <summary>What a reply has besides the answer of a client.</summary>
    private int ReplyBytes => BasicHeaderBytes + GuidBytes + 1;

    /// <summary>How long a command is, besides its extensions.</summary>
    private int CommandBytes(in RemoteCommand command) => BasicHeaderBytes + GuidBytes + 1 + (3 * sizeof(ushort)) + sizeof(ushort)
        + Encoding.UTF8.GetByteCount(command.Subject) + Encoding.UTF8.GetByteCount(command.Group) + Encoding.UTF8.GetByteCount(command.Reason)
        + (command.Kind == RemoteCommandKind.Ask ? sizeof(uint) : 0)
        + (command.Kind is RemoteCommandKind.Ask or RemoteCommandKind.SetProperties ? MessageBytes(command.Message) : 0);

    private static int MessageBytes(in WebSocketMessage message) => 1 + sizeof(uint) + message.Length;

    private static void WriteMessage(Span<byte> destination, in WebSocketMessage message)
    {
        destination[0] = message.IsText ? TextMessage : BinaryMessage;
        var length = message.CopyTo(destination[(1 + sizeof(uint))..]);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[1..], (uint)length);
    }

    private int HeaderBytes(ReadOnlySpan<string> names, IReadOnlyList<string> excluded)
    {
        var bytes = FrameHeaderBytes;
        foreach (var name in names)
        {
            bytes += sizeof(ushort) + Encoding.UTF8.GetByteCount(name);
        }

        for (var i = 0; i < excluded.Count; i++)
        {
            bytes += sizeof(ushort) + Encoding.UTF8.GetByteCount(excluded[i]);
        }

        return bytes;
    }

    /// <returns>What is behind the header.</returns>
    private Span<byte> WriteFrameHeader(
        Span<byte> destination,
        WebSocketTargetKind kind,
        ReadOnlySpan<string> names,
        IReadOnlyList<string> excluded,
        Guid messageId,
        bool hasDeflated,
        in EnvelopeExtensions extensions)
    {
        var rest = WriteHeader(destination, EnvelopeKind.Frame, hasDeflated ? DeflatedFlag : (byte)0, extensions);
        rest[0] = (byte)kind;
        rest = WriteGuid(rest[1..], messageId);
        rest = WriteUInt16(rest, checked((ushort)names.Length));
        foreach (var name in names)
        {
            rest = WriteString(rest, name);
        }

        rest = WriteUInt16(rest, checked((ushort)excluded.Count));
        for (var i = 0; i < excluded.Count; i++)
        {
            rest = WriteString(rest, excluded[i]);
        }

        return rest;
    }

    private static Span<byte> WriteUInt16(Span<byte> destination, ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(destination, value);
        return destination[sizeof(ushort)..];
    }

    private static Span<byte> WriteInt64(Span<byte> destination, long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(destination, value);
        return destination[sizeof(long)..];
    }

    private static Span<byte> WriteGuid(Span<byte> destination, Guid value)
    {
        value.TryWriteBytes(destination, bigEndian: true, out _);
        return destination[GuidBytes..];
    }

    private static Span<byte> WriteString(Span<byte> destination, string value)
    {
        var bytes = Encoding.UTF8.GetBytes(value, destination[sizeof(ushort)..]);
        BinaryPrimitives.WriteUInt16LittleEndian(destination, checked((ushort)bytes));
        return destination[(sizeof(ushort) + bytes)..];
    }

    private Span<byte> WriteHeader(Span<byte> destination, EnvelopeKind kind, byte flags, in EnvelopeExtensions extensions)
    {
        destination[0] = Version;
        destination[FormAt] = (byte)EnvelopeForm.Clear;
        destination[KindAt] = (byte)kind;
        destination[FlagsAt] = flags;
        destination[OriginLengthAt] = (byte)_origin.Length;
        _origin.CopyTo(destination[FixedHeaderBytes..]);
        return extensions.Write(destination[(FixedHeaderBytes + _origin.Length)..]);
    }
}
