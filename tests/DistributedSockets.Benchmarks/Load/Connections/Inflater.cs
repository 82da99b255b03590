using System.IO.Compression;

namespace DistributedSockets.Benchmarks.Load;

/// <summary>Inflates payloads of permessage-deflate without context, each different one once.</summary>
/// <remarks>
/// What a server compresses for many receivers is the same for all of them. So each payload is looked up by all of its bytes and only
/// those that have not come before are inflated: every delivery is checked, and the time of this client goes into the load.
/// </remarks>
internal sealed class Inflater
{
    private const int MaxKept = 4_096;

    private readonly Dictionary<byte[], byte[]> _inflated = new(new ContentComparer());

    public ReadOnlySpan<byte> Inflate(ReadOnlySpan<byte> compressed)
    {
        var known = _inflated.GetAlternateLookup<ReadOnlySpan<byte>>();
        if (known.TryGetValue(compressed, out var inflated))
        {
            return inflated;
        }

        using var deflate = new DeflateStream(new MemoryStream([.. compressed, 0, 0, 0xFF, 0xFF]), CompressionMode.Decompress);
        using var output = new MemoryStream();
        deflate.CopyTo(output);
        inflated = output.ToArray();
        if (_inflated.Count == MaxKept)
        {
            _inflated.Clear();
        }

        known[compressed] = inflated;
        return inflated;
    }

    private sealed class ContentComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(byte[] bytes) => GetHashCode(bytes.AsSpan());

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = default(HashCode);
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }
    }
}
