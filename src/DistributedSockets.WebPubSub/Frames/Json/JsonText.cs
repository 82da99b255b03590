using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Encodings.Web;

namespace DistributedSockets.WebPubSub;

/// <summary>Writes strings of JSON from UTF-8, in the middle of a frame.</summary>
internal static class JsonText
{
    private const int ChunkBytes = 512;
    private const int MaxGrowth = 6; // of a byte that is escaped, \u0000

    private static readonly JavaScriptEncoder s_encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping; // no page of HTML has it

    internal static void WriteString(ReadOnlySpan<byte> utf8, IBufferWriter<byte> output)
    {
        output.Write("\""u8);
        var plain = s_encoder.FindFirstCharacterToEncodeUtf8(utf8);
        if (plain < 0)
        {
            output.Write(utf8);
        }
        else
        {
            output.Write(utf8[..plain]);
            WriteEscaped(utf8[plain..], output);
        }

        output.Write("\""u8);
    }

    internal static void WriteString(string text, IBufferWriter<byte> output) => WriteString(Encoding.UTF8.GetBytes(text), output);

    internal static void WriteBase64(ReadOnlySpan<byte> bytes, IBufferWriter<byte> output)
    {
        output.Write("\""u8);
        Base64.EncodeToUtf8(bytes, output.GetSpan(Base64.GetMaxEncodedToUtf8Length(bytes.Length)), out _, out var written);
        output.Advance(written);
        output.Write("\""u8);
    }

    private static void WriteEscaped(ReadOnlySpan<byte> utf8, IBufferWriter<byte> output)
    {
        while (utf8.Length > 0)
        {
            var isLast = utf8.Length <= ChunkBytes;
            var chunk = isLast ? utf8 : utf8[..ChunkBytes];
            s_encoder.EncodeUtf8(chunk, output.GetSpan(chunk.Length * MaxGrowth), out var read, out var written, isLast);
            output.Advance(written);
            if (read == 0)
            {
                return; // which the encoder never does with a chunk of this size
            }

            utf8 = utf8[read..];
        }
    }
}
