using System.Globalization;
using DistributedSockets.TestServers;

namespace DistributedSockets.Benchmarks.Routing;

/// <summary>What the nodes together and Redis have used up to a moment.</summary>
internal sealed record RoutingUsage(double NodeCpuSeconds, double RedisCpuSeconds, long Received, long Delivered, long HeapBytes, double ResidentKiB, long RedisBytes)
{
    public static async Task<RoutingUsage> OfAsync(IReadOnlyList<RoutingNodeProcess> nodes, IReadOnlyList<RoutingAnswer> answers, RedisServer redis)
    {
        var info = (await redis.CommandAsync("INFO")).Split("\r\n");
        return new(
            answers.Sum(static answer => answer.CpuSeconds),
            Number("used_cpu_sys:") + Number("used_cpu_user:"),
            answers.Sum(static answer => answer.Received),
            answers.Sum(static answer => answer.Delivered),
            answers.Sum(static answer => answer.HeapBytes),
            nodes.Sum(static node => node.ResidentKiB),
            (long)Number("used_memory:"));

        double Number(string field) =>
            double.Parse(info.First(line => line.StartsWith(field, StringComparison.Ordinal))[field.Length..], CultureInfo.InvariantCulture);
    }
}
