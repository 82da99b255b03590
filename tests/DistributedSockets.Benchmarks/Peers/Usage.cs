namespace DistributedSockets.Benchmarks.Peers;

/// <summary>What a cluster has used and delivered up to a moment.</summary>
internal sealed record Usage(long Timestamp, double ServerCpuSeconds, double RedisCpuSeconds, double ClientCpuSeconds, long Deliveries, long Sent)
{
    public static Usage Of(Cluster cluster) => new(
        System.Diagnostics.Stopwatch.GetTimestamp(),
        cluster.Nodes.Sum(static node => node.CpuSeconds),
        cluster.RedisCpuSeconds,
        ProcessUsage.CpuSeconds(Environment.ProcessId),
        cluster.Client.Deliveries,
        cluster.Client.Sent);
}
