namespace DistributedSockets;

/// <summary>A page of what a hub has logged for a target: all of it that is left between two positions.</summary>
public sealed class LoggedMessages
{
    /// <summary>The messages, oldest first.</summary>
    public required IReadOnlyList<LoggedMessage> Messages { get; init; }

    /// <summary>Behind which position the page begins.</summary>
    public required LogPosition After { get; init; }

    /// <summary>Up to which position the page goes. Read on behind it.</summary>
    public required LogPosition UpTo { get; init; }

    /// <summary>Whether there was more when the page was read: behind <see cref="UpTo"/>, or before <see cref="After"/> if the last messages were asked for.</summary>
    public required bool HasMore { get; init; }

    /// <summary>What is missing from the page; <see langword="null"/> if nothing is.</summary>
    public LogGap? Gap { get; init; }
}
