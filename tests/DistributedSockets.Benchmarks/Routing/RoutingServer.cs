using System.Globalization;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.TestServers;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Benchmarks.Routing;

/// <summary>What carries the messages, and keeps the sessions: how to start it, to use it and to read what it took.</summary>
/// <param name="Name">As the command line has it.</param>
/// <param name="Title">As tables have it.</param>
/// <param name="Scenario">Of its runs.</param>
internal sealed record RoutingServer(string Name, string Title, string Scenario)
{
    public static RoutingServer Redis { get; } = new("redis", "Redis", "routing");

    public static RoutingServer Nats { get; } = new("nats", "NATS", "routing-nats");

    public static IReadOnlyList<RoutingServer> All { get; } = [Redis, Nats];

    private bool IsRedis => this == Redis;

    public static RoutingServer Get(string name) =>
        All.FirstOrDefault(server => server.Name == name) ?? throw new FormatException($"There is no server {name}.");

    public TestServer Create() => IsRedis ? new RedisServer() : new NatsServer { HasJetStream = true };

    public void UseBackplane(IDistributedWebSocketsBuilder sockets, string endPoint, TimeSpan timeout)
    {
        if (IsRedis)
        {
            sockets.UseRedisBackplane(options => (options.ConnectionString, options.OperationTimeout) = (endPoint, timeout));
        }
        else
        {
            sockets.UseNatsBackplane(options => (options.Url, options.OperationTimeout) = ($"nats://{endPoint}", timeout));
        }
    }

    public void UseSessionStore(IDistributedWebSocketsBuilder sockets, string endPoint)
    {
        if (IsRedis)
        {
            sockets.UseRedisSessionStore(endPoint);
        }
        else
        {
            sockets.UseNatsSessionStore($"nats://{endPoint}");
        }
    }

    /// <summary>CPU time up to now, and memory: what Redis counts as used, or what is resident of NATS.</summary>
    public async Task<(double CpuSeconds, long Bytes)> UsageAsync(TestServer server)
    {
        if (server is not RedisServer redis)
        {
            return (ProcessUsage.CpuSeconds(server.ProcessId), (long)(ProcessUsage.ResidentKiB(server.ProcessId) * 1_024));
        }

        var info = (await redis.CommandAsync("INFO")).Split("\r\n");
        return (Number("used_cpu_sys:") + Number("used_cpu_user:"), (long)Number("used_memory:"));

        double Number(string field) =>
            double.Parse(info.First(line => line.StartsWith(field, StringComparison.Ordinal))[field.Length..], CultureInfo.InvariantCulture);
    }
}
