using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Net.WebSockets;
using System.Text;
using System.Text.Unicode;

namespace DistributedSockets;

/// <summary>Reads an envelope field by field, for <see cref="Envelope"/>. Never trusts a length, allocates nothing but the strings asked for.</summary>
/// <param name="envelope">The whole envelope.</param>
/// <param name="position">Where to begin.</param>
internal ref struct EnvelopeReader(ReadOnlySpan<byte> envelope, int position)
{
    private const int MaxCommandStringBytes = 1_024;

    private readonly ReadOnlySpan<byte> _envelope = envelope;
    private int _position = position;

    /// <summary>Where the next field begins.</summary>
    internal readonly int Position => _position;

    internal readonly bool IsAtEnd => _position == _envelope.Length;

    internal bool TryReadByte(out byte value)
    {
        if (_position >= _envelope.Length)
        {
            value = 0;
            return false;
        }

        value = _envelope[_position++];
        return true;
    }

    internal bool TryReadUInt16(out ushort value)
    {
        if (!BinaryPrimitives.TryReadUInt16LittleEndian(_envelope[_position..], out value))
        {
            return false;
        }

        _position += sizeof(ushort);
        return true;
    }

    internal bool TryReadUInt32(out uint value)
    {
        if (!BinaryPrimitives.TryReadUInt32LittleEndian(_envelope[_position..], out value))
        {
            return false;
        }

        _position += sizeof(uint);
        return true;
    }

    /// <summary>Passes over a field of known length.</summary>
    internal bool TrySkip(int bytes)
    {
        if (_envelope.Length - _position < bytes)
        {
            return false;
        }

        _position += bytes;
        return true;
    }

    internal bool TryReadGuid(out Guid value)
    {
        var at = _position;
        value = default;
        if (!TrySkip(EnvelopeWriter.GuidBytes))
        {
            return false;
        }

        value = new(_envelope.Slice(at, EnvelopeWriter.GuidBytes), bigEndian: true);
        return true;
    }

    /// <summary>Reads a string as its bytes.</summary>
    internal bool TryReadBytes(out ReadOnlySpan<byte> value)
    {
        value = default;
        if (!TryReadUInt16(out var length) || _envelope.Length - _position < length)
        {
            return false;
        }

        value = _envelope.Slice(_position, length);
        _position += length;
        return true;
    }

    internal bool TryReadString(out string value)
    {
        value = "";
        if (!TryReadBytes(out var bytes) || bytes.Length > MaxCommandStringBytes || !Utf8.IsValid(bytes))
        {
            return false;
        }

        value = Encoding.UTF8.GetString(bytes);
        return true;
    }

    /// <summary>Passes over a counted list of strings, checking its lengths.</summary>
    internal bool TrySkipStrings(out ushort count)
    {
        if (!TryReadUInt16(out count))
        {
            return false;
        }

        for (var i = 0; i < count; i++)
        {
            if (!TryReadBytes(out _))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Reads what every command begins with, also one of a later version.</summary>
    internal bool TryReadCommandKind(out Guid requestId, out RemoteCommandKind kind)
    {
        kind = default;
        if (!TryReadGuid(out requestId) || !TryReadByte(out var value))
        {
            return false;
        }

        kind = (RemoteCommandKind)value;
        return true;
    }

    /// <summary>Reads a command from its beginning, whose kind is known.</summary>
    internal bool TryReadCommand(out Guid requestId, out RemoteCommand command)
    {
        command = default;
        if (!TryReadCommandKind(out requestId, out var kind) || !TryReadUInt16(out var status)
            || !TryReadString(out var subject) || !TryReadString(out var group) || !TryReadString(out var reason))
        {
            return false;
        }

        var (timeout, message) = (0u, default(WebSocketMessage));
        if ((kind == RemoteCommandKind.Ask && !TryReadUInt32(out timeout))
            || (kind is RemoteCommandKind.Ask or RemoteCommandKind.SetProperties && !TryReadMessage(out message)))
        {
            return false;
        }

        command = new(kind, subject, group, status, reason) { Message = message, AnswerTimeout = TimeSpan.FromMilliseconds(timeout) };
        return IsAtEnd;
    }

    internal bool TryReadReply(out Guid requestId, out CommandAnswer answer)
    {
        answer = default;
        if (!TryReadGuid(out requestId) || !TryReadByte(out var value) || value is < 1 or 3 or > 15)
        {
            return false;
        }

        var outcome = (RemoteCommandOutcome)value;
        if (outcome != RemoteCommandOutcome.Answered)
        {
            answer = new(outcome);
            return IsAtEnd;
        }

        if (!TryReadMessage(out var message))
        {
            return false;
        }

        answer = new(outcome, message);
        return true;
    }

    /// <summary>Reads a message, behind which nothing may follow, and copies it.</summary>
    private bool TryReadMessage(out WebSocketMessage message)
    {
        message = default;
        if (!TryReadByte(out var type) || type is not (EnvelopeWriter.TextMessage or EnvelopeWriter.BinaryMessage)
            || !TryReadUInt32(out var length) || length != _envelope.Length - _position)
        {
            return false;
        }

        var payload = _envelope[_position..];
        var isText = type == EnvelopeWriter.TextMessage;
        if (isText && !Utf8.IsValid(payload))
        {
            return false;
        }

        _position = _envelope.Length;
        message = new(payload.ToArray(), isText ? WebSocketMessageType.Text : WebSocketMessageType.Binary);
        return true;
    }

    internal bool TryReadPresence([NotNullWhen(true)] out PresenceAnnouncement? announcement)
    {
        announcement = null;
        if (!TryReadString(out var epoch) || epoch.Length == 0 || !TryReadByte(out var isSettled) || isSettled > 1
            || !TryReadInt64(out var number) || number < 0 || !TryReadUInt16(out var count))
        {
            return false;
        }

        var news = new List<PresenceNews>();
        for (var i = 0; i < count; i++)
        {
            if (!TryReadByte(out var flags) || flags > (EnvelopeWriter.PresentFlag | EnvelopeWriter.GroupFlag)
                || !TryReadInt64(out var version) || version < 1 || !TryReadString(out var userId) || Names.Problem(userId) is not null)
            {
                return false;
            }

            string? group = null;
            if ((flags & EnvelopeWriter.GroupFlag) != 0 && (!TryReadString(out group) || Names.Problem(group) is not null))
            {
                return false;
            }

            news.Add(new(new(userId, group), (flags & EnvelopeWriter.PresentFlag) != 0, version));
        }

        if (!IsAtEnd)
        {
            return false;
        }

        announcement = new() { Epoch = epoch, IsSettled = isSettled == 1, Number = number, News = news };
        return true;
    }

    /// <summary>Reads between which offsets a log has lost what it had given out.</summary>
    internal bool TryReadLogGap(out long after, out long upTo)
    {
        upTo = 0;
        return TryReadInt64(out after) && after >= 0 && TryReadInt64(out upTo) && upTo > after && IsAtEnd;
    }

    /// <summary>Reads which sessions join or leave which group.</summary>
    internal bool TryReadSessionGroups(out SessionGroupChange change)
    {
        change = default;
        if (!TryReadGuid(out var requestId) || !TryReadByte(out var kind) || kind is not ((byte)WebSocketTargetKind.Connections or (byte)WebSocketTargetKind.Users)
            || !TryReadByte(out var isJoin) || isJoin > 1 || !TryReadUInt32(out var maxGroups) || maxGroups < isJoin || maxGroups > int.MaxValue || !TryReadString(out var subject) || subject.Length == 0
            || !TryReadString(out var group) || (isJoin == 1 && group.Length == 0) || !IsAtEnd)
        {
            return false;
        }

        change = new((WebSocketTargetKind)kind, subject, group.Length == 0 ? null : group, isJoin == 1, (int)maxGroups, requestId);
        return true;
    }

    /// <summary>Reads which sessions the app ends.</summary>
    internal bool TryReadSessionEnding(out SessionEnding ending)
    {
        ending = default;
        if (!TryReadByte(out var kind) || kind is not ((byte)WebSocketTargetKind.All or (byte)WebSocketTargetKind.Users or (byte)WebSocketTargetKind.Groups)
            || !TryReadUInt16(out var closeStatus) || !TryReadString(out var subject) || subject.Length == 0 != (kind == (byte)WebSocketTargetKind.All)
            || !TryReadString(out var description) || !CloseCodes.IsValid(closeStatus, description) || !IsAtEnd)
        {
            return false;
        }

        ending = new((WebSocketTargetKind)kind, subject, closeStatus, description);
        return true;
    }

    private bool TryReadInt64(out long value)
    {
        if (!BinaryPrimitives.TryReadInt64LittleEndian(_envelope[_position..], out value))
        {
            return false;
        }

        _position += sizeof(long);
        return true;
    }
}
