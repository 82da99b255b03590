namespace DistributedSockets;

/// <summary>Says that messages are missing from what was read, and why. That there were any is not said: nobody knows it any more.</summary>
public sealed record LogGap
{
    /// <summary>Why.</summary>
    public required LogGapCause Cause { get; init; }

    /// <summary>Up to which position messages may be missing. All behind it that was asked for is there.</summary>
    public required LogPosition UpTo { get; init; }
}
