using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Results;
using DistributedSockets.TestServers;

namespace DistributedSockets.Benchmarks.Scenarios;

/// <summary>One peer's turn in one round.</summary>
internal sealed class ScenarioTurn(Peer peer, int round, PeersOptions options, RedisServer redis, List<Measurement> measurements)
{
    public Peer Peer => peer;

    public PeersOptions Options => options;

    /// <summary>The Redis of all nodes.</summary>
    public RedisServer Redis => redis;

    public Task<Cluster> StartAsync(int nodes, bool compressed = false, bool logged = false) =>
        Cluster.StartAsync(peer, redis, nodes, options.Client, compressed, logged);

    public LoadMeter Meter(Cluster cluster) => new(cluster, options);

    public void Add(string variant, Cluster cluster, Dictionary<string, double> values)
    {
        var measurement = new Measurement(variant, peer.Key, round, cluster.Nodes.Count, cluster.Load.Connections.Count, new(values, StringComparer.Ordinal));
        measurements.Add(measurement);
        var shown = string.Join(", ", Column.Shown.Where(column => values.ContainsKey(column.Metric)).Select(column => $"{column.Title} {column.Format(values[column.Metric])}"));
        Console.WriteLine($"  {peer.Key}, {variant}: {shown}{(measurement.Faults > 0 ? $"; NOT EXACTLY ONCE: {measurement.Faults}" : "")}");
    }
}
