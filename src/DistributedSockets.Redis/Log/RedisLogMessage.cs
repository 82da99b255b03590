using System.Buffers.Text;

namespace DistributedSockets;

/// <summary>What a script publishes: entries that were appended together. Also what stands in the hash of entries.</summary>
/// <remarks>
/// A header in ASCII, numbers with spaces between them: version, epoch, time in milliseconds, offset of the first entry, offset of the entry before it, and how many
/// bytes each payload has; then a line feed and the payloads. Offsets count on from the first one. Whoever may publish can send anything, so
/// all of it is checked before anything is handed on.
/// </remarks>
internal ref struct RedisLogMessage
{
    private const long Version = 1;

    // What fits into a double, which is what numbers are in a script.
    private const long MaxNumber = 1L << 53;

    private static readonly long MaxTime = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    private ReadOnlyMemory<byte> _lengths;
    private ReadOnlyMemory<byte> _payloads;
    private DateTimeOffset _appendedAt;
    private long _offset;
    private long _previous;

    /// <summary>The epoch of the entries.</summary>
    public long Epoch { get; private set; }

    /// <summary>Whether these are entries of a log, as far as can be seen.</summary>
    public static bool TryRead(ReadOnlyMemory<byte> message, out RedisLogMessage read)
    {
        read = default;
        var end = message.Span.IndexOf((byte)'\n');
        if (end < 0)
        {
            return false;
        }

        var header = message[..end];
        if (!TryTake(ref header, out var version) || version != Version
            || !TryTake(ref header, out var epoch) || epoch == 0
            || !TryTake(ref header, out var time) || time > MaxTime
            || !TryTake(ref header, out var first) || first == 0
            || !TryTake(ref header, out var previous) || previous >= first
            || header.IsEmpty)
        {
            return false;
        }

        read._lengths = header;
        read._payloads = message[(end + 1)..];
        read._appendedAt = DateTimeOffset.FromUnixTimeMilliseconds(time);
        (read.Epoch, read._offset, read._previous) = (epoch, first, previous);
        long left = read._payloads.Length;
        while (!header.IsEmpty)
        {
            if (!TryTake(ref header, out var length) || (left -= length) < 0)
            {
                return false;
            }
        }

        return left == 0;
    }

    /// <summary>The next entry.</summary>
    public bool TryTake(out LogEntry entry)
    {
        if (_lengths.IsEmpty || !TryTake(ref _lengths, out var length))
        {
            entry = default;
            return false;
        }

        entry = new LogEntry { Offset = _offset, PreviousOffset = _previous, AppendedAt = _appendedAt, Payload = _payloads[..(int)length] };
        _payloads = _payloads[(int)length..];
        _previous = _offset++;
        return true;
    }

    /// <summary>Reads what stands under an offset in the hash of entries: time, previous offset and payload, with a space behind each number.</summary>
    public static bool TryReadStored(long offset, ReadOnlyMemory<byte> stored, out LogEntry entry)
    {
        entry = default;
        if (!TryTake(ref stored, out var time) || time > MaxTime || !TryTake(ref stored, out var previous) || previous >= offset)
        {
            return false;
        }

        entry = new LogEntry
        {
            Offset = offset, PreviousOffset = previous, AppendedAt = DateTimeOffset.FromUnixTimeMilliseconds(time), Payload = stored,
        };
        return true;
    }

    private static bool TryTake(ref ReadOnlyMemory<byte> header, out long number)
    {
        if (!Utf8Parser.TryParse(header.Span, out number, out var length) || number is < 0 or > MaxNumber)
        {
            return false;
        }

        if (length < header.Length && header.Span[length++] != (byte)' ')
        {
            return false;
        }

        header = header[length..];
        return true;
    }
}
