using DistributedSockets.Benchmarks.Micro;
using DistributedSockets.Benchmarks.Results;
using DistributedSockets.TestServers;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Benchmarks.Routing;

/// <summary>What the session store over Redis costs per session and per lease, which is the same with each strategy.</summary>
internal static class StoreTurn
{
    public const string Variant = "session store";

    private const int Sessions = 20_000;
    private const int PerCommit = 512;
    private const int SessionsPerGroup = 10;
    private const int LiveNodes = 100;
    private const int Beats = 1_000;

    private static readonly TimeSpan s_lease = TimeSpan.FromMinutes(10);

    public static async Task RunAsync(int round, List<Measurement> measurements)
    {
        await using var redis = new RedisServer();
        await redis.StartAsync();
        using var node = new MicroNode(build: sockets => sockets.UseRedisSessionStore(redis.EndPoint));
        var store = node.Services.GetRequiredService<ISessionStore>();
        var id = node.Services.GetRequiredService<NodeInfo>().NodeId;
        var values = new SortedDictionary<string, double>(StringComparer.Ordinal);
        await CommitAsync("warm-up", SessionChangeKind.Saved, 2_000);
        await CommitAsync("warm-up", SessionChangeKind.Ended, 2_000);

        var from = await UsageAsync();
        await CommitAsync("user", SessionChangeKind.Saved, Sessions);
        var saved = await UsageAsync();
        values[RoutingMetric.SessionNodeCpu] = (saved.NodeCpuSeconds - from.NodeCpuSeconds) * 1e6 / Sessions;
        values[RoutingMetric.SessionRedisCpu] = (saved.RedisCpuSeconds - from.RedisCpuSeconds) * 1e6 / Sessions;
        values[RoutingMetric.SessionRedisBytes] = (saved.RedisBytes - from.RedisBytes) / (double)Sessions;
        await CommitAsync("user", SessionChangeKind.Ended, Sessions);
        var ended = await UsageAsync();
        values[RoutingMetric.EndRedisCpu] = (ended.RedisCpuSeconds - saved.RedisCpuSeconds) * 1e6 / Sessions;

        var nodes = Enumerable.Range(0, LiveNodes).Select(static i => new NodeInfo { NodeId = $"web-{i:D10}", Name = "web", StartedAt = DateTimeOffset.UnixEpoch, Routing = "interest" }).ToArray();
        foreach (var other in nodes)
        {
            await store.RenewLeaseAsync(other, s_lease);
        }

        values[RoutingMetric.RenewRedisCpu] = await BeatAsync(async i => await store.RenewLeaseAsync(nodes[i % LiveNodes], s_lease));
        values[RoutingMetric.ListRedisCpu] = await BeatAsync(async _ => await store.ListNodesAsync());
        values[RoutingMetric.ClaimRedisCpu] = await BeatAsync(async _ => await store.ClaimExpiredAsync(id, 1_000));
        values[RoutingMetric.Wrong] = 0;
        measurements.Add(new(Variant, "redis", round, LiveNodes, Sessions, values));
        Console.WriteLine("  " + string.Join(", ", values.Select(static value => $"{value.Key} {value.Value:N2}")));

        async Task CommitAsync(string name, SessionChangeKind kind, int count)
        {
            for (var done = 0; done < count; done += PerCommit)
            {
                await store.CommitAsync(id, [.. Enumerable.Range(done, Math.Min(PerCommit, count - done)).Select(i => new SessionChange(kind, new()
                {
                    Hub = "chat",
                    ConnectionId = $"{id}.{i:D22}",
                    NodeId = id,
                    UserId = $"{name}-{i:D8}",
                    ConnectedAt = DateTimeOffset.UnixEpoch,
                    Groups = [$"group-{i / SessionsPerGroup:D8}"],
                }))]);
            }
        }

        async Task<double> BeatAsync(Func<int, Task> beat)
        {
            var before = await UsageAsync();
            for (var i = 0; i < Beats; i++)
            {
                await beat(i);
            }

            return ((await UsageAsync()).RedisCpuSeconds - before.RedisCpuSeconds) * 1e6 / Beats;
        }

        Task<RoutingUsage> UsageAsync() => RoutingUsage.OfAsync([], [new(Environment.CpuUsage.TotalTime.TotalSeconds, 0, 0, 0, 0, [])], redis);
    }
}
