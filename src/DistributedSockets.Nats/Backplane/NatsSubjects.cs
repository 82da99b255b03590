using System.Buffers;
using System.Text;

namespace DistributedSockets;

/// <summary>Names channels on NATS: one legal subject per channel, and one channel per subject.</summary>
/// <remarks>
/// The first four colons become dots, so that a channel of the library reads <c>prefix.v1.hub.user.alice</c> and a permission such as
/// <c>prefix.&gt;</c> covers it, while a name with many colons costs the server no more levels. What NATS gives a meaning of its own, and
/// everything outside of visible ASCII, is escaped byte by byte.
/// </remarks>
internal static class NatsSubjects
{
    public const int MaxChannelBytes = 1_024;

    private const int Separators = 4;
    private const int EscapedBytes = 3;
    private const string Empty = "%";

    private static readonly SearchValues<char> Plain =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!\"#&'()+,-/:;<=?@[\\]^_`{|}~");

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The subject of a channel.</summary>
    /// <exception cref="ArgumentException">The channel is longer than 1,024 bytes of UTF-8, or no text.</exception>
    public static string FromChannel(string channel)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        var bytes = CountBytes(channel);
        if (bytes > MaxChannelBytes)
        {
            throw new ArgumentException($"A channel of {bytes} bytes is too long. At most {MaxChannelBytes} bytes of UTF-8 are allowed.", nameof(channel));
        }

        var subject = new StringBuilder(channel.Length + 16);
        var rest = channel.AsSpan();
        for (var separators = 0; separators < Separators && rest.IndexOf(':') is var colon and >= 0; separators++)
        {
            Append(subject, rest[..colon]);
            subject.Append('.');
            rest = rest[(colon + 1)..];
        }

        Append(subject, rest);
        return subject.ToString();
    }

    /// <summary>The channel of a subject, if it is one that <see cref="FromChannel"/> gives; else any text.</summary>
    public static string ToChannel(string subject) =>
        string.Join(':', subject.Split('.').Select(static token => token == Empty ? "" : Uri.UnescapeDataString(token)));

    private static int CountBytes(string channel)
    {
        try
        {
            return Strict.GetByteCount(channel);
        }
        catch (EncoderFallbackException)
        {
            throw new ArgumentException("A channel holds half of a surrogate pair, which is no text.", nameof(channel));
        }
    }

    private static void Append(StringBuilder subject, ReadOnlySpan<char> token)
    {
        if (token.IsEmpty)
        {
            subject.Append(Empty);
            return;
        }

        // What begins with an underscore may be an inbox or the server's own.
        var isReserved = subject.Length == 0 && token[0] == '_';
        if (!isReserved && !token.ContainsAnyExcept(Plain))
        {
            subject.Append(token);
            return;
        }

        Span<byte> utf8 = stackalloc byte[MaxChannelBytes];
        foreach (var value in utf8[..Strict.GetBytes(token, utf8)])
        {
            if (value < 128 && Plain.Contains((char)value) && !isReserved)
            {
                subject.Append((char)value);
            }
            else
            {
                Span<char> escaped = ['%', Hex(value >> 4), Hex(value & 15)];
                subject.Append(escaped[..EscapedBytes]);
                isReserved = false;
            }
        }
    }

    private static char Hex(int digit) => (char)(digit < 10 ? '0' + digit : 'A' + digit - 10);
}
