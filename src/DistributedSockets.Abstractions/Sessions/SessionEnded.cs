namespace DistributedSockets;

/// <summary>A session ended.</summary>
public sealed record SessionEnded
{
    /// <summary>The session as it last was.</summary>
    public required Session Session { get; init; }

    /// <summary>Whether its connection ended or its node was lost.</summary>
    public required SessionEndCause Cause { get; init; }
}
