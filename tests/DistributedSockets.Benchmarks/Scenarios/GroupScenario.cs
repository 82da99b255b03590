using DistributedSockets.Benchmarks.Load;

namespace DistributedSockets.Benchmarks.Scenarios;

/// <summary>(c) Many small groups over two nodes.</summary>
internal sealed class GroupScenario : Scenario
{
    private const int Groups = 1_000;
    private const int Members = 10;

    /// <summary>Each sends to the groups whose number leaves its own when divided by this.</summary>
    internal const int Senders = 64;

    public override string Key => "groups";

    public override string Title => "(c) 1,000 groups of 10 over two nodes, 2,000 connections in 5 groups each, 128 B";

    public override bool SupportsClientInC => true;

    public override async Task RunAsync(ScenarioTurn turn)
    {
        await using var cluster = await turn.StartAsync(2);
        Connect(cluster);
        var meter = turn.Meter(cluster);
        turn.Add("64 senders, window 1", cluster, meter.Measure(Flows(cluster), new WindowPace(1, Senders)));
        turn.Add("64 senders, window 4", cluster, meter.Measure(Flows(cluster), new WindowPace(4, Senders)));
        turn.Add("500/s", cluster, meter.Measure(Flows(cluster), new RatePace(500)));
    }

    internal static void Connect(Peers.Cluster cluster)
    {
        const int connections = 2_000;
        cluster.Connect(connections, groups: static i => GroupsOf(i, connections));
    }

    /// <summary>Group g has the ten connections from 2·g·5 on, in a circle, so that neighbours alternate between the nodes.</summary>
    internal static string[] GroupsOf(int connection, int connections) =>
        [.. Enumerable.Range(0, Groups).Where(group => (connection - FirstOf(group, connections) + connections) % connections < Members).Select(static group => $"group{group}")];

    private static int FirstOf(int group, int connections) => group * connections / Groups;

    internal static Flow[] Flows(Peers.Cluster cluster)
    {
        var connections = cluster.Load.Connections;
        return [.. Enumerable.Range(0, Groups).Select(group =>
        {
            var first = FirstOf(group, connections.Count);
            var members = Enumerable.Range(first, Members).Select(i => connections[i % connections.Count]).ToArray();
            return new Flow(cluster.Peer.Dialect, (uint)group, [connections[group % Senders]], 'G', $"group{group}", members, Members, 128);
        })];
    }
}
