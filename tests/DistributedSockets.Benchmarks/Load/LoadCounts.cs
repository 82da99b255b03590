namespace DistributedSockets.Benchmarks.Load;

/// <summary>What a load client has seen up to a moment.</summary>
internal sealed record LoadCounts
{
    /// <summary>Deliveries since the client was made.</summary>
    public long Deliveries { get; init; }

    /// <summary>Messages sent since the client was made.</summary>
    public long Sent { get; init; }

    /// <summary>Bytes received since the client was made.</summary>
    public long ReceivedBytes { get; init; }

    /// <summary>Messages of the present flows that have not reached everyone yet.</summary>
    public long Outstanding { get; init; }

    /// <summary>Deliveries of the present flows that are still awaited.</summary>
    public long Missing { get; init; }

    /// <summary>Deliveries of the present flows that came again.</summary>
    public long Duplicates { get; init; }

    /// <summary>Deliveries of the present flows at the wrong connection, or with the wrong content.</summary>
    public long Misdelivered { get; init; }

    /// <summary>Deliveries of the present flows that came before an earlier one. No fault where no order is promised.</summary>
    public long Reordered { get; init; }

    /// <summary>Connections that ended without our doing.</summary>
    public long Broken { get; init; }

    /// <summary>Messages that were due, but not sent since too many were outstanding.</summary>
    public long Skipped { get; init; }

    /// <summary>How many milliseconds half of the deliveries took at most, since this was cleared.</summary>
    public double P50 { get; init; }

    /// <inheritdoc cref="P50"/>
    public double P99 { get; init; }

    /// <inheritdoc cref="P50"/>
    public double P999 { get; init; }
}
