using System.Diagnostics;
using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Results;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>Loads a cluster for a while and measures what that cost.</summary>
internal sealed class LoadMeter(Cluster cluster, PeersOptions options)
{
    private static readonly TimeSpan s_drainPatience = TimeSpan.FromSeconds(15);

    private bool _isWarm;

    /// <summary>Runs flows: a warm-up, the measured time, and then until all that was sent has arrived.</summary>
    public Dictionary<string, double> Measure(IReadOnlyList<Flow> flows, LoadPace pace)
    {
        var client = cluster.Client;
        client.Start(flows, pace);
        client.Run(TimeSpan.FromSeconds(_isWarm ? options.WarmupSeconds : options.FirstWarmupSeconds));
        _isWarm = true;

        var (allocatedFrom, allocatedFromDeliveries) = Allocated();
        client.Latency.Clear();
        var from = Usage.Of(cluster);
        client.Run(TimeSpan.FromSeconds(options.Seconds));
        var to = Usage.Of(cluster);
        var values = Values(from, to);
        values[Metric.P50] = client.Latency.Milliseconds(0.5) ?? double.NaN;
        values[Metric.P99] = client.Latency.Milliseconds(0.99) ?? double.NaN;
        values[Metric.P999] = client.Latency.Milliseconds(0.999) ?? double.NaN;
        var (allocatedTo, allocatedToDeliveries) = Allocated();
        if (cluster.Peer.IsDotnet)
        {
            values[Metric.AllocatedBytes] = (allocatedTo - allocatedFrom) / (allocatedToDeliveries - allocatedFromDeliveries);
        }

        values[Metric.ResidentMiB] = cluster.Nodes.Sum(static node => node.ResidentKiB) / 1024;
        client.Stop();
        client.TryRun(() => client.IsIdle, s_drainPatience);
        values[Metric.Missing] = client.Missing;
        values[Metric.Duplicates] = client.Faults.Duplicates;
        values[Metric.Misdelivered] = client.Faults.Misdelivered + client.Faults.Damaged;
        values[Metric.Reordered] = client.Faults.Reordered;
        values[Metric.Broken] = client.Broken;
        if (pace is RatePace rate)
        {
            values[Metric.Skipped] = rate.Skipped;
        }

        return values;
    }

    private static Dictionary<string, double> Values(Usage from, Usage to)
    {
        var seconds = Stopwatch.GetElapsedTime(from.Timestamp, to.Timestamp).TotalSeconds;
        double deliveries = to.Deliveries - from.Deliveries;
        return new(StringComparer.Ordinal)
        {
            [Metric.Seconds] = seconds,
            [Metric.Deliveries] = deliveries,
            [Metric.DeliveriesPerSecond] = deliveries / seconds,
            [Metric.ReceivedBytes] = (to.ReceivedBytes - from.ReceivedBytes) / deliveries,
            [Metric.ServerCpu] = (to.ServerCpuSeconds - from.ServerCpuSeconds) * 1e6 / deliveries,
            [Metric.RedisCpu] = (to.RedisCpuSeconds - from.RedisCpuSeconds) * 1e6 / deliveries,
            [Metric.ClientCpu] = (to.ClientCpuSeconds - from.ClientCpuSeconds) * 1e6 / deliveries,
            [Metric.ServerCpuShare] = (to.ServerCpuSeconds - from.ServerCpuSeconds) / seconds,
            [Metric.OthersLoadedCpu] = to.OthersMillisecondsPerSecond(from),
        };
    }

    /// <summary>Asks the nodes what they have allocated, while the load goes on.</summary>
    private (double Bytes, long Deliveries) Allocated()
    {
        if (!cluster.Peer.IsDotnet)
        {
            return default;
        }

        var asked = Task.WhenAll(cluster.Nodes.Select(static node => node.AllocatedAsync()));
        cluster.Client.Run(() => asked.IsCompleted, TimeSpan.FromSeconds(60), "the nodes did not say what they allocated");
        return (asked.Result.Sum(), cluster.Client.Deliveries);
    }
}
