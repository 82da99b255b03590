using System.Buffers;
using System.Buffers.Text;

namespace DistributedSockets;

/// <summary>What the server says by a message of its own: a number behind <c>NATS/1.0</c> in its headers.</summary>
internal static class NatsStatus
{
    public const int Control = 100;
    public const int NoResponders = 503;

    private const int LongestLine = 64;

    /// <summary>The number; 0 for a message that somebody published.</summary>
    public static int Of(ReadOnlySequence<byte>? headers)
    {
        if (headers is not { } sequence)
        {
            return 0;
        }

        Span<byte> line = stackalloc byte[LongestLine];
        var length = (int)Math.Min(sequence.Length, LongestLine);
        sequence.Slice(0, length).CopyTo(line);
        line = line[..length];
        return line.StartsWith("NATS/1.0 "u8) && Utf8Parser.TryParse(line["NATS/1.0 ".Length..], out int status, out _) ? status : 0;
    }

    /// <summary>The value of a header; null if there is none.</summary>
    public static string? Header(ReadOnlySequence<byte>? headers, string name)
    {
        if (headers is not { } sequence)
        {
            return null;
        }

        var text = System.Text.EncodingExtensions.GetString(System.Text.Encoding.ASCII, sequence);
        var start = text.IndexOf($"\n{name}:", StringComparison.OrdinalIgnoreCase);
        if (start < 0)
        {
            return null;
        }

        start += name.Length + 2;
        var end = text.IndexOf('\r', start);
        return end < 0 ? null : text[start..end].Trim();
    }
}
