namespace DistributedSockets;

/// <summary>One change of a node's sessions, to be written to the session store.</summary>
public sealed record SessionChange
{
    /// <summary>What changed.</summary>
    public required SessionChangeKind Kind { get; init; }

    /// <summary>The session as it is after the change; for <see cref="SessionChangeKind.Ended"/> as it was before its end.</summary>
    public required Session Session { get; init; }

    /// <summary>The group, for the two group changes; otherwise <see langword="null"/>.</summary>
    public string? Group { get; init; }
}
