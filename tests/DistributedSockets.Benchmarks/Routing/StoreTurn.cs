using DistributedSockets.Benchmarks.Micro;
using DistributedSockets.Benchmarks.Results;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Benchmarks.Routing;

/// <summary>What the session store costs per session and per lease, which is the same with each strategy.</summary>
internal static class StoreTurn
{
    public const string Variant = "session store";

    private const int Sessions = 20_000;
    private const int PerCommit = 512;
    private const int SessionsPerGroup = 10;
    private const int LiveNodes = 100;
    private const int Beats = 1_000;

    private static readonly TimeSpan s_lease = TimeSpan.FromMinutes(10);

    public static async Task RunAsync(RoutingServer over, int round, List<Measurement> measurements)
    {
        await using var server = over.Create();
        await server.StartAsync();
        using var node = new MicroNode(build: sockets => over.UseSessionStore(sockets, server.EndPoint));
        var store = node.Services.GetRequiredService<ISessionStore>();
        var id = node.Services.GetRequiredService<NodeInfo>().NodeId;
        var values = new SortedDictionary<string, double>(StringComparer.Ordinal);
        await CommitAsync("warm-up", SessionChangeKind.Saved, 2_000);
        await CommitAsync("warm-up", SessionChangeKind.Ended, 2_000);

        var from = await UsageAsync();
        await CommitAsync("user", SessionChangeKind.Saved, Sessions);
        var saved = await UsageAsync();
        values[RoutingMetric.SessionNodeCpu] = (saved.NodeCpuSeconds - from.NodeCpuSeconds) * 1e6 / Sessions;
        values[RoutingMetric.SessionServerCpu] = (saved.ServerCpuSeconds - from.ServerCpuSeconds) * 1e6 / Sessions;
        values[RoutingMetric.SessionServerBytes] = (saved.ServerBytes - from.ServerBytes) / (double)Sessions;
        await CommitAsync("user", SessionChangeKind.Ended, Sessions);
        var ended = await UsageAsync();
        values[RoutingMetric.EndServerCpu] = (ended.ServerCpuSeconds - saved.ServerCpuSeconds) * 1e6 / Sessions;

        var nodes = Enumerable.Range(0, LiveNodes).Select(static i => new NodeInfo { NodeId = $"web-{i:D10}", Name = "web", StartedAt = DateTimeOffset.UnixEpoch, Routing = "interest" }).ToArray();
        foreach (var other in nodes)
        {
            await store.RenewLeaseAsync(other, s_lease);
        }

        values[RoutingMetric.RenewServerCpu] = await BeatAsync(async i => await store.RenewLeaseAsync(nodes[i % LiveNodes], s_lease));
        values[RoutingMetric.ListServerCpu] = await BeatAsync(async _ => await store.ListNodesAsync());
        values[RoutingMetric.ClaimServerCpu] = await BeatAsync(async _ => await store.ClaimExpiredAsync(id, 1_000));
        values[RoutingMetric.Wrong] = 0;
        measurements.Add(new(Variant, over.Name, round, LiveNodes, Sessions, values));
        Console.WriteLine("  " + string.Join(", ", values.Select(static value => $"{value.Key} {value.Value:N2}")));

        async Task CommitAsync(string name, SessionChangeKind kind, int count)
        {
            for (var done = 0; done < count; done += PerCommit)
            {
                await store.CommitAsync(id, [.. Enumerable.Range(done, Math.Min(PerCommit, count - done)).Select(i => new SessionChange
                {
                    Kind = kind,
                    Session = new()
                    {
                        Hub = "chat",
                        ConnectionId = $"{id}.{i:D22}",
                        NodeId = id,
                        UserId = $"{name}-{i:D8}",
                        ConnectedAt = DateTimeOffset.UnixEpoch,
                        Groups = [$"group-{i / SessionsPerGroup:D8}"],
                    },
                })]);
            }
        }

        async Task<double> BeatAsync(Func<int, Task> beat)
        {
            var before = await UsageAsync();
            for (var i = 0; i < Beats; i++)
            {
                await beat(i);
            }

            return ((await UsageAsync()).ServerCpuSeconds - before.ServerCpuSeconds) * 1e6 / Beats;
        }

        async Task<RoutingUsage> UsageAsync() =>
            RoutingUsage.Of([], [new(Environment.CpuUsage.TotalTime.TotalSeconds, 0, 0, 0, 0, [])], await over.UsageAsync(server));
    }
}
