namespace DistributedSockets.Benchmarks.Log;

/// <summary>What it takes to keep the records of many sessions.</summary>
internal sealed record RecordLoadResult
{
    public required double WrittenPerSecond { get; init; }

    /// <summary>Calls to Redis.</summary>
    public required double CommandsPerSecond { get; init; }

    /// <summary>How much of a processor Redis takes.</summary>
    public required double RedisProcessors { get; init; }

    /// <summary>CPU time of Redis for one.</summary>
    public required double RedisMicroseconds { get; init; }

    /// <summary>CPU time of all nodes for one, which includes building it.</summary>
    public required double NodeMicroseconds { get; init; }

    /// <summary>The longest time in which a node came round once.</summary>
    public required TimeSpan LongestRound { get; init; }
}
