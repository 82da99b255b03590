namespace DistributedSockets.Benchmarks.Resume;

/// <summary>What came of a round. Times are seconds from the death of the node.</summary>
internal sealed record ResumeResult
{
    /// <summary>When the median client, 99 % of them and the last had their sessions back.</summary>
    public required double BackP50 { get; init; }

    public required double BackP99 { get; init; }

    public required double BackAll { get; init; }

    /// <summary>When all had what was sent until the last was back.</summary>
    public required double CaughtUp { get; init; }

    /// <summary>Handshakes that were answered with 503.</summary>
    public required int ToldToWait { get; init; }

    /// <summary>CPU time until all had caught up.</summary>
    public required double NodeCpuSeconds { get; init; }

    public required double RedisCpuSeconds { get; init; }

    public required double ClientCpuSeconds { get; init; }

    public required int Repeats { get; init; }

    public required long Missing { get; init; }

    /// <summary>Messages twice or out of order, gaps, and sessions that became others.</summary>
    public required int Wrong { get; init; }
}
