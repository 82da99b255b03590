namespace DistributedSockets.Benchmarks.Results;

/// <summary>What one peer showed in one variant of a scenario, in one round.</summary>
internal sealed record Measurement(string Variant, string Peer, int Round, int Nodes, int Connections, SortedDictionary<string, double> Values)
{
    /// <summary>Deliveries that failed "exactly once at the right connection"; 0 if all is well.</summary>
    public double Faults => new[] { Metric.Missing, Metric.Duplicates, Metric.Misdelivered, Metric.Broken }.Sum(name => Values.GetValueOrDefault(name));
}
