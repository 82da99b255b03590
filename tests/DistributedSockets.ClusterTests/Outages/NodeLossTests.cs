namespace DistributedSockets.ClusterTests;

/// <summary>A node that dies without a word.</summary>
public sealed class NodeLossTests(SharedCluster cluster)
{
    private readonly string _group = SharedCluster.Unique("group");

    [Fact]
    public async Task KilledNode_LeaseRunOut_UsersAreOfflineAtOnceAndOneSurvivorReportsEachSession()
    {
        const int Clients = 60;
        var prefix = SharedCluster.Unique("loss");
        var nodes = await TestNodeProcess.StartAsync([.. new[] { "victim", "survivor1", "survivor2" }.Select(name => new NodeSettings
        {
            Name = name,
            Redis = cluster.Redis,
            IsPatient = true,
            Prefix = prefix,
            Options = new Dictionary<string, string> { ["HeartbeatInterval"] = "00:00:01", ["LeaseExpiry"] = "00:00:05" },
        })]);
        try
        {
            var (victim, survivor1, survivor2) = (nodes[0], nodes[1], nodes[2]);
            await using var swarmOfVictim = new ClientSwarm();
            var lost = await swarmOfVictim.ConnectAsync(victim, Clients, _group);
            await using var kept = await survivor1.ConnectAsync("kept", _group);
            await using var onBoth = await survivor2.ConnectAsync("user0", _group); // has a connection on the victim as well
            await Guard.UntilAsync(() => survivor1.SessionsAsync($"group={_group}"), static found => found.Length == Clients + 2, "all sessions are stored");
            await Guard.UntilAsync(() => survivor2.GroupsAsync(), found => found.SequenceEqual([$"{_group}: {Clients + 2}"]), "the group has its size");

            await victim.KillAsync();
            await Guard.UntilAsync(async () => (await survivor1.NodesAsync()).All(static node => node.Name != "victim"), "the lease has run out");
            foreach (var user in Enumerable.Range(1, Clients - 1).Select(static i => $"user{i}"))
            {
                Assert.False(await survivor1.IsOnlineAsync(user), $"{user} is online without a node.");
            }

            Assert.True(await survivor1.IsOnlineAsync("kept"));
            Assert.True(await survivor2.IsOnlineAsync("user0"));
            Assert.Equal([$"{_group}: 2"], await survivor1.GroupsAsync()); // also before its sessions are claimed
            Assert.Equal([$"{_group}: 2"], await survivor2.GroupsAsync(largest: true));
            await Guard.UntilAsync(
                async () => (await LostAsync(survivor1)).Count + (await LostAsync(survivor2)).Count >= Clients, "each lost session is reported");
            Assert.Equal(lost.Order(), (await LostAsync(survivor1)).Concat(await LostAsync(survivor2)).Order());
            Assert.Equal(["survivor1", "survivor2"], (await survivor1.NodesAsync()).Select(static node => node.Name).Order());
            Assert.Equal(2, (await survivor1.SessionsAsync($"group={_group}")).Length);

            // Those who are left go on.
            await kept.SendAsync($"G{_group} hello");
            await kept.ExpectAsync("hello");
            await onBoth.ExpectAsync("hello");
            Assert.Equal(
                "ConnectionNotFoundException", (await survivor1.CommandAsync(new { op = "join", connection = lost[0], group = _group })).Error);

            // A later loss is reported after all that belongs to the first: by then nothing was reported twice.
            await survivor2.KillAsync();
            await Guard.UntilAsync(async () => (await LostAsync(survivor1)).Contains(onBoth.ConnectionId), "the second loss is reported");
            var reported = await LostAsync(survivor1);
            Assert.Equal(reported.Distinct().Count(), reported.Count);
            await Guard.UntilAsync(async () => !await survivor1.IsOnlineAsync("user0"), "user0 is offline");
        }
        finally
        {
            foreach (var node in nodes)
            {
                await node.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task FrozenNode_BeyondItsLease_CountsAsLost_AndIsBackWithAllItsSessionsWhenItGoesOn()
    {
        var prefix = SharedCluster.Unique("frozen");
        var nodes = await TestNodeProcess.StartAsync([.. new[] { "frozen", "awake" }.Select(name => new NodeSettings
        {
            Name = name,
            Redis = cluster.Redis,
            IsPatient = true,
            Prefix = prefix,
            Options = new Dictionary<string, string> { ["HeartbeatInterval"] = "00:00:00.5", ["LeaseExpiry"] = "00:00:03" },
        })]);
        var (frozen, awake) = (nodes[0], nodes[1]);
        await using var disposeFrozen = frozen;
        await using var disposeAwake = awake;
        await using var swarm = new ClientSwarm();
        var ids = await swarm.ConnectAsync(frozen, 10, _group);
        await using var other = await awake.ConnectAsync("other", _group);
        await Guard.UntilAsync(() => awake.SessionsAsync($"group={_group}"), static found => found.Length == 11, "all sessions are stored");

        frozen.Freeze();
        await Guard.UntilAsync(async () => (await LostAsync(awake)).Count == 10, "its sessions are reported as lost");
        Assert.False(await awake.IsOnlineAsync("user0"));
        frozen.Thaw();

        await Guard.UntilAsync(() => awake.SessionsAsync($"group={_group}"), static found => found.Length == 11, "all sessions are stored again");
        await Guard.UntilAsync(() => awake.GroupsAsync(), found => found.SequenceEqual([$"{_group}: 11"]), "the group has its size again");
        Assert.Equal(ids.Order(), (await awake.SessionsAsync("node=frozen")).Select(static session => session.ConnectionId).Order());
        Assert.True(await awake.IsOnlineAsync("user0"));
        await other.SendAsync($"G{_group} hello");
        foreach (var client in swarm.Clients.Append(other))
        {
            await client.ExpectAsync("hello");
        }

        await swarm.Clients[0].SendAsync($"G{_group} hello yourself");
        await other.ExpectAsync("hello yourself");
    }

    private static async Task<List<string>> LostAsync(TestNodeProcess node) =>
        [.. (await node.EventsAsync()).Where(static happened => happened.Cause == "node_lost").Select(static happened => happened.ConnectionId!)]; // a session has one
}
