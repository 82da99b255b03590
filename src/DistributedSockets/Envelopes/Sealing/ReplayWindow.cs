namespace DistributedSockets;

/// <summary>Which of the newest counters of a sender have been seen. Not for several threads at once.</summary>
/// <remarks>
/// A ring of bits, cleared word by word as the newest counter moves on. As large as a lane by default: what a node may have waiting,
/// it must be able to take in any order.
/// </remarks>
internal sealed class ReplayWindow
{
    /// <summary>How far behind the newest a counter can still be told from one that was seen.</summary>
    internal const int Size = (Words - 1) * BitsPerWord;

    private const int Words = 1_024;
    private const int BitsPerWord = 64;

    private readonly ulong[] _seen = new ulong[Words];

    internal ReplayWindow(long first)
    {
        Newest = first;
        Add(first);
    }

    internal long Newest { get; private set; }

    /// <summary>Whether a counter is too old for anyone to know.</summary>
    internal bool IsBehind(long counter) => Newest - counter >= Size;

    /// <summary>Whether a counter that is not behind has been added.</summary>
    internal bool Contains(long counter) => counter <= Newest && (_seen[Word(counter)] & Bit(counter)) != 0;

    internal void Add(long counter)
    {
        if (counter > Newest)
        {
            var entered = Math.Min((counter / BitsPerWord) - (Newest / BitsPerWord), Words);
            for (var i = 1; i <= entered; i++)
            {
                _seen[((Newest / BitsPerWord) + i) % Words] = 0;
            }

            Newest = counter;
        }

        _seen[Word(counter)] |= Bit(counter);
    }

    private static long Word(long counter) => counter / BitsPerWord % Words;

    private static ulong Bit(long counter) => 1UL << (int)(counter % BitsPerWord);
}
