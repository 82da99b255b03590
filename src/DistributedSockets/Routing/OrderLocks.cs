using System.Numerics;

namespace DistributedSockets;

/// <summary>The locks that settle the order of what a hub's router sends on each channel. Channels share them.</summary>
/// <remarks>A send on several channels takes all of their locks, from the first to the last, so that no two of these wait for each other.</remarks>
internal sealed class OrderLocks
{
    private const int Count = 64; // one for each bit of a set

    private readonly Lock[] _locks = new Lock[Count];

    internal OrderLocks()
    {
        for (var i = 0; i < Count; i++)
        {
            _locks[i] = new();
        }
    }

    /// <summary>The set that holds a channel's lock alone. Sets are joined by <c>|</c>.</summary>
    internal static ulong Of(string channel) => 1UL << (int)((uint)channel.GetHashCode(StringComparison.Ordinal) % Count);

    /// <summary>Takes the locks of a set. Nothing may be awaited before <see cref="Exit"/>.</summary>
    internal void Enter(ulong set)
    {
        for (var rest = set; rest != 0; rest &= rest - 1)
        {
            _locks[BitOperations.TrailingZeroCount(rest)].Enter();
        }

        OrderSection.Enter();
    }

    internal void Exit(ulong set)
    {
        OrderSection.Exit();
        for (var rest = set; rest != 0; rest &= rest - 1)
        {
            _locks[BitOperations.TrailingZeroCount(rest)].Exit();
        }
    }
}
