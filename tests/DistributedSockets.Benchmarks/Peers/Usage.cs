using System.Diagnostics;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>What a cluster has used and delivered up to a moment.</summary>
internal sealed record Usage(long Timestamp, double[] NodeCpuSeconds, double RedisCpuSeconds, double ClientCpuSeconds, long Deliveries, long Sent, long ReceivedBytes)
{
    private const int Involved = 2;

    public double ServerCpuSeconds => NodeCpuSeconds.Sum();

    /// <summary>Of the nodes behind the first two, which targeted messages go between.</summary>
    public double OthersCpuSeconds => NodeCpuSeconds.Skip(Involved).Sum();

    public static Usage Of(Cluster cluster)
    {
        var counts = cluster.Load.Count();
        return new(
            Stopwatch.GetTimestamp(),
            [.. cluster.Nodes.Select(static node => node.CpuSeconds)],
            cluster.RedisCpuSeconds,
            ProcessUsage.CpuSeconds(cluster.Load.ProcessId),
            counts.Deliveries,
            counts.Sent,
            counts.ReceivedBytes);
    }

    /// <summary>How many milliseconds of CPU time the other nodes took per second since an earlier moment.</summary>
    public double OthersMillisecondsPerSecond(Usage since) =>
        (OthersCpuSeconds - since.OthersCpuSeconds) * 1_000 / Stopwatch.GetElapsedTime(since.Timestamp, Timestamp).TotalSeconds;
}
