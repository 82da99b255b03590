namespace DistributedSockets;

/// <summary>Where the log of a hub ends.</summary>
/// <param name="Stream">The stream of its epoch.</param>
/// <param name="State">The stream's state.</param>
internal readonly record struct NatsLogEnd(NatsLogStream Stream, JetStreamState State)
{
    /// <summary>The offset of the last entry; 0 if there has been none.</summary>
    public long Offset => (long)State.LastSequence - 1;

    public LogPosition Position => new(Stream.Epoch, Offset);

    /// <summary>The highest offset of those that have gone by age, or to make room; 0 if none has.</summary>
    public long RemovedTo => Math.Max(0, (long)State.FirstSequence - 2);

    /// <summary>Whether some were removed from in between: more of a target than it keeps.</summary>
    public bool HasHoles => State.Messages > 0 && State.Messages <= (long)(State.LastSequence - State.FirstSequence);
}
