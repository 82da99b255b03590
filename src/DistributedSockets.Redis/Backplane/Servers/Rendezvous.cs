using System.Buffers;
using System.IO.Hashing;
using System.Text;

namespace DistributedSockets;

/// <summary>Says which of several servers a channel belongs to, by rendezvous hashing.</summary>
/// <remarks>
/// The server wins whose name, followed by a zero byte and the channel, has the largest XXH64 with seed 0, read as an unsigned number;
/// of equals the one whose name comes first. So the order in which servers are given does not matter, and a server that is added or
/// removed moves its own share only. Nodes of different versions and other programs rely on it: it never changes.
/// </remarks>
internal sealed class Rendezvous
{
    private const int MaxOnStack = 2_048;

    private readonly byte[][] _prefixes;
    private readonly int _longest;

    /// <param name="names">The servers' names in ordinal order, each once.</param>
    public Rendezvous(IEnumerable<string> names)
    {
        _prefixes = [.. names.Select(static name => Encoding.UTF8.GetBytes(name + '\0'))];
        _longest = _prefixes.Max(static prefix => prefix.Length);
    }

    /// <summary>The place, in the order of names, of the server that a channel belongs to.</summary>
    public int Find(string channel)
    {
        var length = _longest + Encoding.UTF8.GetByteCount(channel);
        byte[]? rented = null;
        var buffer = length <= MaxOnStack ? stackalloc byte[MaxOnStack] : rented = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            Encoding.UTF8.GetBytes(channel, buffer[_longest..]);
            return Find(buffer[..length]);
        }
        finally
        {
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
    }

    /// <param name="buffer">The channel behind room for the longest prefix.</param>
    private int Find(Span<byte> buffer)
    {
        var found = 0;
        var highest = 0UL;
        for (var i = 0; i < _prefixes.Length; i++)
        {
            var start = _longest - _prefixes[i].Length;
            _prefixes[i].CopyTo(buffer[start..]);
            var score = XxHash64.HashToUInt64(buffer[start..]);
            if (i == 0 || score > highest)
            {
                (found, highest) = (i, score);
            }
        }

        return found;
    }
}
