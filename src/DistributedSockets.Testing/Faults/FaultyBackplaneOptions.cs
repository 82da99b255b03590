using System.Runtime.CompilerServices;

namespace DistributedSockets.Testing;

/// <summary>Which faults a <see cref="FaultyBackplane"/> makes, and how often. At first none. May be changed at any time.</summary>
/// <remarks>A probability is from 0 (never) to 1 (always), for each payload that arrives.</remarks>
public sealed class FaultyBackplaneOptions
{
    private TimeSpan _minDelay = TimeSpan.FromMilliseconds(10);
    private TimeSpan _maxDelay = TimeSpan.FromMilliseconds(100);

    /// <summary>What the faults are drawn from. The same seed and the same payloads on a channel get the same faults.</summary>
    public int Seed { get; set; }

    /// <summary>How probable it is that a payload is lost.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is no probability.</exception>
    public double LossProbability { get; set => field = Probability(value); }

    /// <summary>How probable it is that a payload arrives twice, one right after the other.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is no probability.</exception>
    public double DuplicationProbability { get; set => field = Probability(value); }

    /// <summary>How probable it is that a payload is late, between <see cref="MinDelay"/> and <see cref="MaxDelay"/>. Later ones of its channel wait behind it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is no probability.</exception>
    public double DelayProbability { get; set => field = Probability(value); }

    /// <summary>
    /// How probable it is that the next payload of the channel overtakes this one. If none comes within <see cref="MaxDelay"/>, it goes on alone.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is no probability.</exception>
    public double ReorderingProbability { get; set => field = Probability(value); }

    /// <summary>The shortest delay.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public TimeSpan MinDelay
    {
        get => _minDelay;
        set => _minDelay = NotNegative(value);
    }

    /// <summary>The longest delay. A <see cref="MinDelay"/> above it counts as this.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public TimeSpan MaxDelay
    {
        get => _maxDelay;
        set => _maxDelay = NotNegative(value);
    }

    /// <summary>Which channels have faults; <see langword="null"/> for all. A cut takes all of them, whatever this says.</summary>
    public Func<string, bool>? Channels { get; set; }

    /// <summary>What a channel is called when faults are drawn, for names that differ from run to run.</summary>
    internal Func<string, string>? NameForDraw { get; set; }

    /// <summary>The same settings with another seed.</summary>
    internal FaultyBackplaneOptions CopyFor(int seed, Func<string, string> nameForDraw) => new()
    {
        Seed = seed,
        LossProbability = LossProbability,
        DuplicationProbability = DuplicationProbability,
        DelayProbability = DelayProbability,
        ReorderingProbability = ReorderingProbability,
        MinDelay = MinDelay,
        MaxDelay = MaxDelay,
        Channels = Channels,
        NameForDraw = nameForDraw,
    };

    private static double Probability(double value, [CallerMemberName] string name = "") =>
        value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}. A probability is from 0 to 1.");

    private static TimeSpan NotNegative(TimeSpan value, [CallerMemberName] string name = "") =>
        value >= TimeSpan.Zero ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}. A delay is not negative.");
}
