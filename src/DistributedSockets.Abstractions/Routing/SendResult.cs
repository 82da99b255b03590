namespace DistributedSockets;

/// <summary>What came of a send. It tells what was handed over, and never what a client received.</summary>
/// <remarks>
/// Of several users, groups or connections it tells the sum of those queued here, and of the other nodes the least certain word:
/// <see cref="OtherNodesOutcome.Taken"/> if it holds for one of them, else <see cref="OtherNodesOutcome.NoSubscriberSeen"/> if that does,
/// else <see cref="OtherNodesOutcome.NotNeeded"/>.
/// </remarks>
public readonly struct SendResult
{
    private readonly object? _position; // boxed, as most sends have none, and each that waits holds a result or two

    /// <summary>
    /// At how many connections of this node the message was queued, each counted once; <see langword="null"/> if it is not known yet, as for a
    /// send that is delivered later.
    /// </summary>
    /// <remarks>
    /// A connection whose queue is full and drops the message is not counted. Zero does not say that nobody got it: receivers may be on other
    /// nodes.
    /// </remarks>
    public int? QueuedHere { get; init; }

    /// <summary>What became of it as far as other nodes are concerned.</summary>
    public OtherNodesOutcome OtherNodes { get; init; }

    /// <summary>Where the message stands in the hub's log; <see langword="null"/> if it was not logged.</summary>
    /// <remarks>
    /// A logged message is delivered later, on this node as on all others, so <see cref="QueuedHere"/> is <see langword="null"/> for it, and
    /// <see cref="OtherNodes"/> is <see cref="OtherNodesOutcome.Taken"/>.
    /// </remarks>
    public LogPosition? Position
    {
        get => (LogPosition?)_position;
        init => _position = value;
    }

    /// <inheritdoc/>
    public override string ToString() => Position is { } position ? $"logged at {position}" : $"{QueuedHere?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "?"} queued here, other nodes: {OtherNodes}";
}
