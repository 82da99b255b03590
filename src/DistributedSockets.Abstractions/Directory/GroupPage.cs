namespace DistributedSockets;

/// <summary>Some of the groups of a hub.</summary>
public sealed record GroupPage
{
    /// <summary>The groups, in the order asked for.</summary>
    public required IReadOnlyList<GroupCount> Groups { get; init; }

    /// <summary>What to ask for the next page with, at most 2,048 letters, digits, hyphens and underscores; <see langword="null"/> if this was the last.</summary>
    public string? ContinuationToken { get; init; }
}
