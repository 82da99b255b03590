using System.Globalization;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Clusters;

/// <summary>Where the session store keeps what on a cluster, and what it does when a primary is lost.</summary>
public sealed class ClusterSessionStoreTests(RedisCluster shared)
{
    private const string Hub = "chat";
    private const int Nodes = 16;

    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(10);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Records_OfOneNode_LieInOneSlot_AndThoseOfSeveralSpreadOverThePrimaries()
    {
        shared.SkipUnlessAvailable();
        const string prefix = "spread"; // a fixed one, so that chance has no part in this
        await using var store = RedisFactory.SessionStore(shared.ConnectionString, prefix);
        for (var i = 0; i < Nodes; i++)
        {
            await SaveAsync(store, Node(i));
        }

        var spread = new List<int>();
        foreach (var node in shared.Nodes.Take(3))
        {
            var owned = Enumerable.Range(0, Nodes).Where(i => Owns(Array.IndexOf([.. shared.Nodes], node), RedisSlots.Of($"{{{prefix}:{Node(i).NodeId}}}"))).ToArray();
            foreach (var i in owned)
            {
                // The lease, the hubs, the sessions, connections, users and groups of the hub, the groups of one session, one user and one group.
                Assert.Equal(9, await CountKeysAsync(node, $"{{{prefix}:{Node(i).NodeId}}}:*"));
            }

            spread.Add(owned.Length);
        }

        Assert.Equal(Nodes, spread.Sum());
        Assert.All(spread, static nodes => Assert.InRange(nodes, 1, Nodes / 2));
        Assert.Equal(Nodes, await store.CountAsync(SessionQuery.ForGroup(Hub, "red"), Cancellation));
        Assert.Equal(Nodes, Assert.Single((await store.ListGroupsAsync(GroupQuery.Largest(Hub), 10, null, Cancellation)).Groups, static group => group.Group == "red").Connections);
    }

    [Fact]
    public async Task PrimaryKilled_NodesOnOthersGoOn_AndThoseOnItHeal_AndEachLostSessionIsClaimedOnce()
    {
        await using var cluster = await RedisCluster.StartAsync();
        string prefix;
        RedisClusterNode listed, victim;
        do
        {
            // The victim does not hold the list of nodes, without which nobody can be sure who lives; but it holds the sizes of groups.
            prefix = $"store-{Guid.NewGuid():N}";
            listed = await cluster.OwnerAsync(RedisSlots.Of((string)RedisSessionKeys.Nodes(prefix)!));
            victim = await cluster.OwnerAsync(RedisSlots.Of((string)new RedisHubKeys(prefix, Hub).Sizes!));
        }
        while (victim == listed);

        await using var store = NewStore();
        await using var other = NewStore();
        for (var i = 0; i < Nodes; i++)
        {
            await SaveAsync(store, Node(i));
        }

        var replica = await cluster.ReplicaOfAsync(victim);
        var hit = new List<NodeInfo>();
        var spared = new List<NodeInfo>();
        for (var i = 0; i < Nodes; i++)
        {
            (await cluster.OwnerAsync(SlotOf(Node(i))) == victim ? hit : spared).Add(Node(i));
        }

        Assert.NotEmpty(hit);
        Assert.NotEmpty(spared);
        var lost = hit[0];
        for (var i = 0; i < 200; i++)
        {
            await store.CommitAsync(lost.NodeId, [new() { Kind = SessionChangeKind.Saved, Session = Session(lost, i) }], Cancellation);
        }

        await Eventually.TrueAsync(
            async () => await OffsetAsync(replica, "slave_repl_offset:") >= await OffsetAsync(victim, "master_repl_offset:"), "the replica has it all");
        await victim.KillAsync();

        await Assert.ThrowsAsync<SessionStoreUnavailableException>(() => store.RenewLeaseAsync(lost, Lease, Cancellation).AsTask());
        Assert.True(await store.RenewLeaseAsync(spared[0], Lease, Cancellation));

        // Until a replica takes over, Redis may refuse everything for a moment.
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    await store.CommitAsync(spared[0].NodeId, [new() { Kind = SessionChangeKind.Saved, Session = Session(spared[0], 1_000) }], Cancellation);
                    return true;
                }
                catch (SessionStoreUnavailableException)
                {
                    return false;
                }
            },
            "a session of a node whose primary lives is written");

        await cluster.UntilOwnerAsync(replica, SlotOf(lost));
        foreach (var node in hit)
        {
            var isKept = false;
            await Eventually.TrueAsync(
                async () =>
                {
                    try
                    {
                        isKept = await store.RenewLeaseAsync(node, Lease, Cancellation);
                        return true;
                    }
                    catch (SessionStoreUnavailableException)
                    {
                        return false;
                    }
                },
                $"the lease of {node.NodeId} is renewed");
            Assert.True(isKept); // the replica had it all
        }

        Assert.Equal(Nodes + 201, await store.CountAsync(SessionQuery.ForHub(Hub), Cancellation));

        // The size that could not be written follows with the heartbeat.
        Assert.True(await store.RenewLeaseAsync(spared[0], Lease, Cancellation));
        Assert.Equal(Nodes + 201, (await store.ListGroupsAsync(GroupQuery.Largest(Hub), 1, null, Cancellation)).Groups[0].Connections);
        await replica.CommandAsync("DEL", (string)new RedisSessionKeys(prefix, lost.NodeId).Lease!);
        var claims = await Task.WhenAll(new[] { store, other }.Select(async claimant =>
        {
            var claimed = new List<Session>();
            while (await claimant.ClaimExpiredAsync("claimant", 50, Cancellation) is { Count: > 0 } some)
            {
                claimed.AddRange(some);
            }

            return claimed;
        }));
        var ids = claims.SelectMany(static claimed => claimed).Select(static session => session.ConnectionId).ToArray();
        Assert.Equal(201, ids.Length);
        Assert.Equal(201, ids.Distinct().Count());

        static async Task<long> OffsetAsync(RespServer server, string name)
        {
            var info = await server.CommandAsync("INFO", "replication");
            var begin = info.IndexOf(name, StringComparison.Ordinal) + name.Length;
            return long.Parse(info.AsSpan(begin, info.IndexOf('\r', begin) - begin), NumberStyles.None, CultureInfo.InvariantCulture);
        }

        RedisSessionStore NewStore() => RedisFactory.SessionStore(cluster.ConnectionString + ",connectTimeout=1000", prefix);

        int SlotOf(NodeInfo node) => RedisSlots.Of($"{{{prefix}:{node.NodeId}}}");
    }

    private static NodeInfo Node(int number) => new() { NodeId = $"n{number}", Name = "web", StartedAt = DateTimeOffset.UnixEpoch };

    private static Session Session(NodeInfo node, int number) => new()
    {
        Hub = Hub, NodeId = node.NodeId, ConnectionId = $"{node.NodeId}.c{number}", UserId = $"user {number}", Groups = ["red"], ConnectedAt = DateTimeOffset.UnixEpoch,
    };

    private static async Task SaveAsync(RedisSessionStore store, NodeInfo node)
    {
        await store.RenewLeaseAsync(node, Lease, Cancellation);
        await store.CommitAsync(node.NodeId, [new() { Kind = SessionChangeKind.Saved, Session = Session(node, -1) }], Cancellation);
    }

    private static bool Owns(int primary, int slot) => slot * 3 / RedisSlots.Count == primary;

    private static async Task<int> CountKeysAsync(RedisClusterNode node, string pattern)
    {
        var answer = await node.CommandAsync("EVAL", "return #redis.call('KEYS', ARGV[1])", "0", pattern);
        return int.Parse(answer.AsSpan(1), System.Globalization.NumberStyles.Integer, System.Globalization.CultureInfo.InvariantCulture);
    }
}
