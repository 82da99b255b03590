using System.Numerics;

namespace DistributedSockets.Benchmarks.Load;

/// <summary>Counts durations in classes less than one percent wide.</summary>
internal sealed class Histogram
{
    private const int StepBits = 7;
    private const int Steps = 1 << StepBits;

    private readonly long[] _counts = new long[(64 - StepBits) * Steps];

    public long Count { get; private set; }

    /// <param name="nanoseconds">The duration.</param>
    public void Add(long nanoseconds)
    {
        _counts[IndexOf((ulong)Math.Max(0, nanoseconds))]++;
        Count++;
    }

    public void Clear()
    {
        Array.Clear(_counts);
        Count = 0;
    }

    /// <summary>The duration in milliseconds that a share of all does not exceed.</summary>
    /// <param name="share">0 to 1.</param>
    public double? Milliseconds(double share)
    {
        var rank = (long)Math.Ceiling(share * Count);
        long seen = 0;
        for (var i = 0; i < _counts.Length; i++)
        {
            seen += _counts[i];
            if (seen >= rank && seen > 0)
            {
                return UpperBound(i) / 1e6;
            }
        }

        return null;
    }

    private static int IndexOf(ulong value)
    {
        if (value < Steps)
        {
            return (int)value;
        }

        var shift = 63 - StepBits - BitOperations.LeadingZeroCount(value);
        return ((shift + 1) << StepBits) + (int)((value >> shift) - Steps);
    }

    private static double UpperBound(int index)
    {
        var shift = (index >> StepBits) - 1;
        return shift < 0 ? index : (double)((ulong)((index & (Steps - 1)) + Steps + 1) << shift);
    }
}
