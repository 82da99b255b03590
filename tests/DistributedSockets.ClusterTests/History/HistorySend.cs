namespace DistributedSockets.ClusterTests;

/// <summary>One numbered message that a connection asked its node to send.</summary>
/// <param name="Sender">The connection.</param>
/// <param name="Target">For whom.</param>
/// <param name="Number">Its place among those of this sender to this target, from 0.</param>
/// <param name="Began">When it was asked for.</param>
internal sealed record HistorySend(string Sender, HistoryTarget Target, int Number, DateTimeOffset Began)
{
    /// <summary>The node that was asked, where the sender's session may be at another one by now.</summary>
    public string? NodeId { get; init; }

    /// <summary>Whether it goes through the log of the hub, so that nothing excuses that it is missing but a gap of the log.</summary>
    public bool IsLogged { get; init; }

    /// <summary>What the sender was told.</summary>
    public HistoryOutcome Outcome { get; set; }

    /// <summary>When it was told that.</summary>
    public DateTimeOffset Ended { get; set; }
}
