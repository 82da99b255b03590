using System.Diagnostics;
using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Results;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>Loads a cluster for a while and measures what that cost.</summary>
internal sealed class LoadMeter(Cluster cluster, PeersOptions options)
{
    private static readonly TimeSpan s_drainPatience = TimeSpan.FromSeconds(15);

    private bool _isWarm;

    /// <summary>Runs flows for a time that does not count.</summary>
    public void WarmUp(IReadOnlyList<Flow> flows, LoadPace pace, double seconds)
    {
        var client = cluster.Load;
        client.Start(flows, pace);
        client.Run(TimeSpan.FromSeconds(seconds));
        Drain(client);
        _isWarm = true;
    }

    /// <summary>Runs flows: a warm-up, the measured time, and then until all that was sent has arrived.</summary>
    /// <param name="flows">What is sent.</param>
    /// <param name="pace">When.</param>
    /// <param name="times">How many times as long as usual is measured.</param>
    public Dictionary<string, double> Measure(IReadOnlyList<Flow> flows, LoadPace pace, double times = 1)
    {
        var client = cluster.Load;
        client.Start(flows, pace);
        client.Run(TimeSpan.FromSeconds(_isWarm ? options.WarmupSeconds : options.FirstWarmupSeconds));
        _isWarm = true;

        var (allocatedFrom, allocatedFromDeliveries) = Allocated();
        client.ClearLatency();
        var from = Usage.Of(cluster);
        client.Run(TimeSpan.FromSeconds(options.Seconds * times));
        var to = Usage.Of(cluster);
        var values = Values(from, to);
        var measured = client.Count();
        values[Metric.P50] = measured.P50;
        values[Metric.P99] = measured.P99;
        values[Metric.P999] = measured.P999;
        if (pace is RatePace)
        {
            values[Metric.Skipped] = measured.Skipped;
        }

        var (allocatedTo, allocatedToDeliveries) = Allocated();
        if (cluster.Peer.IsDotnet)
        {
            values[Metric.AllocatedBytes] = (allocatedTo - allocatedFrom) / (allocatedToDeliveries - allocatedFromDeliveries);
        }

        values[Metric.ResidentMiB] = cluster.Nodes.Sum(static node => node.ResidentKiB) / 1024;
        Drain(client);
        var drained = client.Count();
        values[Metric.Missing] = drained.Missing;
        values[Metric.Duplicates] = drained.Duplicates;
        values[Metric.Misdelivered] = drained.Misdelivered;
        values[Metric.Reordered] = drained.Reordered;
        values[Metric.Broken] = drained.Broken;
        return values;
    }

    /// <summary>Waits until all that was sent has arrived.</summary>
    private static void Drain(ILoadClient client)
    {
        client.Stop();
        client.TryRun(() => client.Count().Outstanding == 0, s_drainPatience);
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
        cluster.RunUntil(() => asked.IsCompleted, TimeSpan.FromSeconds(60), "the nodes did not say what they allocated");
        return (asked.Result.Sum(), cluster.Load.Count().Deliveries);
    }
}
