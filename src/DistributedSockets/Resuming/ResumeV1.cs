using System.Buffers.Text;
using System.Globalization;

namespace DistributedSockets;

/// <summary>The subprotocol <c>resume.v1.distributedsockets</c>: one line of ASCII in front of each message, text or binary. <c>docs/wire-format.md</c> has all lines.</summary>
internal static class ResumeV1
{
    /// <summary>The subprotocol.</summary>
    internal const string Name = "resume.v1.distributedsockets";

    /// <summary>What a client asks for beside it to go on with a session: <c>resume.ID.TOKEN.NUMBER</c>. In this header, as addresses stand in the logs of proxies.</summary>
    private const string Resume = "resume.";

    private const byte End = (byte)'\n';
    private const int MaxLineBytes = 2 + SessionCheckpoint.MaxMessageIdBytes;

    /// <summary>What a client says in front of a message.</summary>
    internal enum Line
    {
        /// <summary>Nothing that is known.</summary>
        Unknown,

        /// <summary>It has all messages up to a number. Nothing follows.</summary>
        Acknowledge,

        /// <summary>A message with an id, which wants to hear that it was handled.</summary>
        WithId,

        /// <summary>A message without one.</summary>
        WithoutId,
    }

    /// <summary>Reads what a client asks for to go on with a session.</summary>
    internal static bool TryReadResume(string subProtocol, out ReadOnlySpan<char> sessionId, out ReadOnlySpan<char> token, out long number)
    {
        sessionId = token = default;
        number = 0;
        if (subProtocol.Length <= Resume.Length + SessionId.Length + SessionId.TokenLength + 2 || !subProtocol.StartsWith(Resume, StringComparison.Ordinal))
        {
            return false;
        }

        var rest = subProtocol.AsSpan(Resume.Length);
        sessionId = rest[..SessionId.Length];
        token = rest.Slice(SessionId.Length + 1, SessionId.TokenLength);
        var last = rest[(SessionId.Length + 1 + SessionId.TokenLength)..];
        return SessionId.Is(sessionId) && rest[SessionId.Length] == '.' && last[0] == '.'
            && long.TryParse(last[1..], NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>Reads the line of a client's message.</summary>
    /// <param name="message">The message.</param>
    /// <param name="number">The number of an acknowledgement.</param>
    /// <param name="id">The id of a message.</param>
    /// <param name="payloadAt">Where the app's message begins.</param>
    internal static Line Read(ReadOnlySpan<byte> message, out long number, out ReadOnlySpan<byte> id, out int payloadAt)
    {
        id = default;
        (number, payloadAt) = (0, 0);
        var end = message[..Math.Min(message.Length, MaxLineBytes + 1)].IndexOf(End);
        if (end < 1)
        {
            return Line.Unknown;
        }

        var line = message[..end];
        payloadAt = end + 1;
        switch (line[0])
        {
            case (byte)'a' when line.Length > 2 && line[1] == ' ' && payloadAt == message.Length:
                return Utf8Parser.TryParse(line[2..], out ulong value, out var read) && read == line.Length - 2 && value <= long.MaxValue && (number = (long)value) >= 0
                    ? Line.Acknowledge
                    : Line.Unknown;
            case (byte)'m' when line.Length > 2 && line[1] == ' ' && IsId(line[2..]):
                id = line[2..];
                return Line.WithId;
            case (byte)'u' when line.Length == 1:
                return Line.WithoutId;
            default:
                return Line.Unknown;
        }
    }

    /// <summary>Says which session it is, and the token with which it is resumed; the next message of the log has the next number.</summary>
    internal static string Session(string sessionId, string token, long number) => string.Create(CultureInfo.InvariantCulture, $"s {sessionId} {token} {number}\n");

    /// <summary>Says that messages are missing before the next numbered one, since the log has removed them.</summary>
    internal static string Gap() => "g\n";

    /// <summary>Says that a message was handled, now or when it came before.</summary>
    internal static string Handled(string id, bool isRepeat) => $"{(isRepeat ? 'd' : 'a')} {id}\n";

    /// <summary>Asks the client to connect again, to whichever node answers.</summary>
    internal static string Return() => "r\n";

    internal static int WriteNumber(Span<byte> destination, long number)
    {
        "m "u8.CopyTo(destination);
        Utf8Formatter.TryFormat(number, destination[2..], out var digits); // there is room
        destination[2 + digits] = End;
        return 3 + digits;
    }

    internal static int WriteUnnumbered(Span<byte> destination)
    {
        "u\n"u8.CopyTo(destination);
        return 2;
    }

    private static bool IsId(ReadOnlySpan<byte> id) => id.Length is > 0 and <= SessionCheckpoint.MaxMessageIdBytes && !id.ContainsAnyExceptInRange((byte)'!', (byte)'~');
}
