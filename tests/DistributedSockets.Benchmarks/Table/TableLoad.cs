using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Scenarios;

namespace DistributedSockets.Benchmarks.Table;

/// <summary>A load of the table. All of them run on the same 2,000 connections, which have a user each and are in five groups of ten.</summary>
/// <param name="Key">Its name on the command line.</param>
/// <param name="Title">Its name in tables.</param>
/// <param name="Flows">What is sent.</param>
/// <param name="NewPace">When.</param>
/// <param name="NeedsDistribution">Whether messages cross from node to node, which the references cannot do.</param>
internal sealed record TableLoad(string Key, string Title, Func<Cluster, Flow[]> Flows, Func<LoadPace> NewPace, bool NeedsDistribution = true)
{
    /// <summary>The load that only we are measured with, on a cluster of its own.</summary>
    public const string SlowReader = "slow-reader";

    private const int Window = 16;
    private const int GroupWindow = 4;
    private const int MessagesPerSecond = 1_000;

    /// <summary>In the order in which they run.</summary>
    public static IReadOnlyList<TableLoad> All { get; } =
    [
        new("broadcast-8", "broadcast, 128 B, 8 outstanding", static cluster => BroadcastScenario.Flows(cluster, 8, 128), static () => new WindowPace(1), NeedsDistribution: false),
        new("broadcast-1", "broadcast, 128 B, 1 outstanding", static cluster => BroadcastScenario.Flows(cluster, 1, 128), static () => new WindowPace(1), NeedsDistribution: false),
        new("groups", "1,000 groups of 10, 64 senders, window 4", GroupScenario.Flows, static () => new WindowPace(GroupWindow, GroupScenario.Senders)),
        new("user", "to a user on the other node, 64 senders, window 16", UserScenario.Flows, static () => new WindowPace(Window)),
        new("user-rate", "to a user on the other node, 1,000/s", UserScenario.Flows, static () => new RatePace(MessagesPerSecond)),
    ];

    public static IReadOnlyList<string> Keys { get; } = [.. All.Select(static load => load.Key), SlowReader];
}
