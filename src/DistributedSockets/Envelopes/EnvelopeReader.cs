using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace DistributedSockets;

/// <summary>Reads an envelope field by field. Never trusts a length, allocates nothing but the strings asked for.</summary>
internal ref struct EnvelopeReader
{
    private const int MaxCommandStringBytes = 1_024;

    private readonly ReadOnlySpan<byte> _envelope;
    private int _position;

    private EnvelopeReader(ReadOnlySpan<byte> envelope, EnvelopeKind kind, ReadOnlySpan<byte> origin, int position)
    {
        _envelope = envelope;
        Kind = kind;
        HasDeflated = (envelope[2] & EnvelopeWriter.DeflatedFlag) != 0;
        Origin = origin;
        _position = position;
    }

    internal EnvelopeKind Kind { get; }

    /// <summary>Whether the compressed frame stands behind the plain one.</summary>
    internal bool HasDeflated { get; }

    /// <summary>The node id of the publisher, in UTF-8.</summary>
    internal ReadOnlySpan<byte> Origin { get; }

    /// <summary>Where the next field begins.</summary>
    internal readonly int Position => _position;

    internal readonly bool IsAtEnd => _position == _envelope.Length;

    /// <summary>Begins to read; false if it is no envelope of this version.</summary>
    internal static bool TryBegin(ReadOnlySpan<byte> envelope, out EnvelopeReader reader)
    {
        reader = default;
        if (envelope.Length < 6 || envelope[0] != EnvelopeWriter.Version || envelope[1] is < 1 or > 3
            || envelope[2] > (envelope[1] == (byte)EnvelopeKind.Frame ? EnvelopeWriter.DeflatedFlag : 0) || envelope[3] != 0 || envelope[4] == 0 || envelope.Length < 5 + envelope[4])
        {
            return false;
        }

        reader = new(envelope, (EnvelopeKind)envelope[1], envelope.Slice(5, envelope[4]), 5 + envelope[4]);
        return true;
    }

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

    internal bool TryReadGuid(out Guid value)
    {
        value = default;
        if (_envelope.Length - _position < 16)
        {
            return false;
        }

        value = new(_envelope.Slice(_position, 16), bigEndian: true);
        _position += 16;
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

    internal bool TryReadCommand(out Guid requestId, out RemoteCommand command)
    {
        command = default;
        if (!TryReadGuid(out requestId) || !TryReadByte(out var kind) || kind is < 1 or > 6 || !TryReadUInt16(out var status)
            || !TryReadString(out var subject) || !TryReadString(out var group) || !TryReadString(out var reason) || !IsAtEnd)
        {
            return false;
        }

        command = new((RemoteCommandKind)kind, subject, group, status, reason);
        return true;
    }

    internal bool TryReadReply(out Guid requestId, out RemoteCommandOutcome outcome)
    {
        outcome = default;
        if (!TryReadGuid(out requestId) || !TryReadByte(out var value) || value is < 1 or > 4 || !IsAtEnd)
        {
            return false;
        }

        outcome = (RemoteCommandOutcome)value;
        return true;
    }
}
