using System.IO.Compression;

namespace DistributedSockets.Tests;

/// <summary>Inflates a payload of permessage-deflate by hand, as RFC 7692 §7.2.2 says.</summary>
internal static class Inflated
{
    internal static byte[] Payload(ReadOnlySpan<byte> deflated)
    {
        using var inflated = new MemoryStream();
        using (var deflate = new DeflateStream(new MemoryStream([.. deflated, 0, 0, 0xFF, 0xFF]), CompressionMode.Decompress))
        {
            deflate.CopyTo(inflated);
        }

        return inflated.ToArray();
    }
}
