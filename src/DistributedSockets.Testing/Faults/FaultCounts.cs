namespace DistributedSockets.Testing;

/// <summary>What a <see cref="FaultyBackplane"/> has done so far.</summary>
public sealed record FaultCounts
{
    /// <summary>Payloads that the backplane below handed over.</summary>
    public long Received { get; init; }

    /// <summary>Payloads that were not handed on, those that came during a cut included.</summary>
    public long Lost { get; init; }

    /// <summary>Payloads that were chosen to be late.</summary>
    public long Delayed { get; init; }

    /// <summary>Payloads that were handed on twice.</summary>
    public long Duplicated { get; init; }

    /// <summary>Payloads that were overtaken.</summary>
    public long Reordered { get; init; }
}
