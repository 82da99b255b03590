namespace DistributedSockets;

/// <summary>Some of the sessions that match a query.</summary>
public sealed record SessionPage
{
    /// <summary>The sessions, in an order that is the same on all pages.</summary>
    public required IReadOnlyList<Session> Sessions { get; init; }

    /// <summary>What to ask for the next page with, at most 2,048 letters, digits, hyphens and underscores; <see langword="null"/> if this was the last.</summary>
    public string? ContinuationToken { get; init; }
}
