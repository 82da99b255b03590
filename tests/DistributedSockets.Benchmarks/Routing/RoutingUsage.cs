namespace DistributedSockets.Benchmarks.Routing;

/// <summary>What the nodes together and the server have used up to a moment.</summary>
internal sealed record RoutingUsage(
    double NodeCpuSeconds, double ServerCpuSeconds, long Received, long Delivered, long HeapBytes, double ResidentKiB, long ServerBytes)
{
    public static RoutingUsage Of(
        IReadOnlyList<RoutingNodeProcess> nodes, IReadOnlyList<RoutingAnswer> answers, (double CpuSeconds, long Bytes) server) => new(
        answers.Sum(static answer => answer.CpuSeconds),
        server.CpuSeconds,
        answers.Sum(static answer => answer.Received),
        answers.Sum(static answer => answer.Delivered),
        answers.Sum(static answer => answer.HeapBytes),
        nodes.Sum(static node => node.ResidentKiB),
        server.Bytes);
}
