namespace DistributedSockets.Testing;

/// <summary>Draws faults: always the same for the same seed, channel and number of the payload, in whatever order channels are used.</summary>
internal readonly struct FaultDraw(int seed, string channel, long number)
{
    private const ulong GoldenRatio = 0x9E37_79B9_7F4A_7C15;

    internal bool IsLost(double probability) => Draw(1) < probability;

    internal bool IsDuplicated(double probability) => Draw(2) < probability;

    internal bool IsDelayed(double probability) => Draw(3) < probability;

    internal bool IsReordered(double probability) => Draw(4) < probability;

    internal TimeSpan Delay(TimeSpan min, TimeSpan max) => max <= min ? max : min + ((max - min) * Draw(5));

    /// <summary>A number from 0 to below 1.</summary>
    private double Draw(ulong what)
    {
        var state = 0xCBF2_9CE4_8422_2325;
        foreach (var character in channel)
        {
            state = (state ^ character) * 0x100_0000_01B3; // FNV-1a: string.GetHashCode differs from run to run
        }

        state = Mix(state + ((ulong)(uint)seed * GoldenRatio));
        state = Mix(state + ((ulong)number * GoldenRatio));
        state = Mix(state + (what * GoldenRatio));
        return (state >> 11) * (1.0 / (1UL << 53));
    }

    /// <summary>The finaliser of SplitMix64.</summary>
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58_476D_1CE4_E5B9;
        value = (value ^ (value >> 27)) * 0x94D0_49BB_1331_11EB;
        return value ^ (value >> 31);
    }
}
