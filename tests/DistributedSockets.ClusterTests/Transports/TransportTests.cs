using System.Net;

namespace DistributedSockets.ClusterTests;

/// <summary>What three nodes and a worker do over every transport alike.</summary>
/// <remarks>Derive from it once for each transport; a derived object has its servers to itself.</remarks>
public abstract class TransportTests : IAsyncLifetime
{
    private static readonly CommandAnswer Ok = new(true, null, null);

    private static readonly Dictionary<string, string> Quick = new() { ["HeartbeatInterval"] = "00:00:01", ["LeaseExpiry"] = "00:00:05" };

    private readonly string _prefix = SharedCluster.Unique("transport");
    private TestNodeProcess[] _nodes = [];

    private TestNodeProcess A => _nodes[0];

    private TestNodeProcess B => _nodes[1];

    private TestNodeProcess C => _nodes[2];

    /// <summary>Starts the servers.</summary>
    protected abstract Task StartServersAsync();

    /// <summary>How a test node is told of the servers, such as <c>["--redis", "127.0.0.1:6379"]</c>.</summary>
    protected abstract IReadOnlyList<string> NodeArguments();

    /// <summary>Stops all servers.</summary>
    protected abstract Task CutAsync();

    /// <summary>Starts all servers again, where they were.</summary>
    protected abstract Task RestoreAsync();

    /// <summary>Ends all servers for good, running or not.</summary>
    protected abstract ValueTask DisposeServersAsync();

    public async ValueTask InitializeAsync()
    {
        await StartServersAsync();
        _nodes = await TestNodeProcess.StartAsync(Settings("a"), Settings("b"), Settings("c"));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        await DisposeServersAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task EveryTargetAndCommand_FromNodesAndWorker_ReachesWhomItNames()
    {
        await using var worker = await WorkerProcess.StartAsync(Settings("worker"));
        await using var a = await A.ConnectAsync("user");
        await using var b = await B.ConnectAsync("user", "group");
        await using var c = await C.ConnectAsync("other", "group");
        Func<object, Task<CommandAnswer>>[] senders = [worker.CommandAsync, A.CommandAsync, B.CommandAsync, C.CommandAsync];
        foreach (var command in senders)
        {
            // All go over channels of their own, so each is awaited where it has to arrive before the next is sent.
            Assert.Equal(Ok, await command(new { op = "send", text = "all" }));
            await ExpectAsync("all", a, b, c);
            Assert.Equal(Ok, await command(new { op = "send", users = new[] { "user" }, text = "user" }));
            await ExpectAsync("user", a, b);
            Assert.Equal(Ok, await command(new { op = "send", groups = new[] { "group" }, text = "group" }));
            await ExpectAsync("group", b, c);
            Assert.Equal(Ok, await command(new { op = "send", groups = new[] { "group" }, except = new[] { b.ConnectionId }, text = "except b" }));
            await ExpectAsync("except b", c);
            Assert.Equal(Ok, await command(new { op = "send", users = new[] { "user", "other", "nobody" }, text = "users" }));
            await ExpectAsync("users", a, b, c);
            Assert.Equal(Ok, await command(new { op = "send", connections = new[] { a.ConnectionId, c.ConnectionId }, text = "connections" }));
            await ExpectAsync("connections", a, c);
            Assert.Equal(Ok, await command(new { op = "confirm", connection = b.ConnectionId, text = "confirmed" }));
            await ExpectAsync("confirmed", b);
            Assert.Equal("NotFound", (await command(new { op = "confirm", connection = $"{a.NodeId}.AAAAAAAAAAAAAAAAAAAAAA", text = "x" })).Error);
            Assert.Equal("NotFound", (await command(new { op = "confirm", connection = "gone-abcdefghij.AAAAAAAAAAAAAAAAAAAAAA", text = "x" })).Error);
            Assert.Equal(Ok, await command(new { op = "join", connection = a.ConnectionId, group = "joined" }));
            Assert.Equal(Ok, await command(new { op = "send", groups = new[] { "joined" }, text = "joined" }));
            await ExpectAsync("joined", a);
            Assert.Equal(Ok, await command(new { op = "leave", connection = a.ConnectionId, group = "joined" }));
            Assert.Equal(Ok, await command(new { op = "send", groups = new[] { "joined" }, text = "nobody is left" }));
            Assert.Equal("ConnectionNotFoundException", (await command(new { op = "join", connection = $"{a.NodeId}.AAAAAAAAAAAAAAAAAAAAAA", group = "x" })).Error);
            Assert.Equal("ConnectionNotFoundException", (await command(new { op = "join", connection = "gone-abcdefghij.AAAAAAAAAAAAAAAAAAAAAA", group = "x" })).Error);
        }

        Assert.Equal(Ok, await worker.CommandAsync(new { op = "disconnect", connection = b.ConnectionId, code = 4005, reason = "one" }));
        Assert.Equal(new ClientEvent("close", "one", 4005), await b.NextAsync());
        Assert.Equal(Ok, await B.CommandAsync(new { op = "disconnectUser", user = "user", code = 4006, reason = "user" }));
        Assert.Equal(new ClientEvent("close", "user", 4006), await a.NextAsync());
        Assert.Equal(Ok, await A.CommandAsync(new { op = "disconnectGroup", group = "group", code = 4007, reason = "group" }));
        Assert.Equal(new ClientEvent("close", "group", 4007), await c.NextAsync());
        Assert.Equal(0, await worker.EndAsync());
    }

    [Fact]
    public async Task SendersOnSeveralNodes_ManyMessages_AllArriveInOrderPerSender()
    {
        const int Count = 300;
        DotNetClient[] members = [await A.ConnectAsync("a", "group"), await B.ConnectAsync("b", "group"), await C.ConnectAsync("c", "group")];
        try
        {
            await Task.WhenAll(members.Select(async (member, index) =>
            {
                for (var i = 0; i < Count; i++)
                {
                    await member.SendAsync($"Ggroup {index}:{i}");
                }
            }));

            foreach (var member in members)
            {
                var next = new int[members.Length];
                for (var i = 0; i < Count * members.Length; i++)
                {
                    var text = await member.TextAsync();
                    var sender = text[0] - '0';
                    Assert.Equal($"{sender}:{next[sender]++}", text);
                }
            }
        }
        finally
        {
            foreach (var member in members)
            {
                await member.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task Presence_NodeKilled_SessionsAreSeenFromEverywhereAndEachIsReportedLostOnce()
    {
        await using var a = await A.ConnectAsync("user", "group");
        await using var b = await B.ConnectAsync("user", "group,second");
        await using var c = await C.ConnectAsync("other", "group");
        foreach (var node in _nodes)
        {
            await Guard.UntilAsync(() => node.SessionsAsync("group=group"), static found => found.Length == 3, "all three are seen");
            Assert.Equal(new[] { a.ConnectionId, b.ConnectionId }.Order(), (await node.SessionsAsync("user=user")).Select(static session => session.ConnectionId).Order());
            Assert.Equal(b.ConnectionId, Assert.Single(await node.SessionsAsync("group=second")).ConnectionId);
            Assert.Equal(["a", "b", "c"], (await node.NodesAsync()).Select(static found => found.Name).Order());
            Assert.True(await node.IsOnlineAsync("other"));
            Assert.False(await node.IsOnlineAsync("nobody"));
            await Guard.UntilAsync(() => node.GroupsAsync(), static found => found is ["group: 3", "second: 1"], "the groups have their sizes");
        }

        await C.KillAsync();
        await Guard.UntilAsync(async () => !await A.IsOnlineAsync("other") && !await B.IsOnlineAsync("other"), "the user of the killed node is offline");
        Assert.Equal(["group: 2", "second: 1"], await A.GroupsAsync());
        Assert.Equal(["group: 2", "second: 1"], await B.GroupsAsync(largest: true));
        await Guard.UntilAsync(async () => (await LostAsync()).Length > 0, "its session is reported");

        // Whatever belongs to this loss has been reported before the next one is.
        await B.KillAsync();
        await Guard.UntilAsync(async () => (await LostAsync()).Contains(b.ConnectionId), "the second loss is reported");
        Assert.True(await A.IsOnlineAsync("user"));
        Assert.Equal(a.ConnectionId, Assert.Single(await A.SessionsAsync("user=user")).ConnectionId);
        Assert.Equal(["group: 1"], await A.GroupsAsync());

        async Task<string?[]> LostAsync()
        {
            List<EventAnswer> events = [];
            foreach (var node in _nodes.Where(static node => !node.HasExited))
            {
                events.AddRange((await node.EventsAsync()).Where(static happened => happened.Cause == "node_lost"));
            }

            Assert.Equal(events.Count, events.DistinctBy(static happened => happened.ConnectionId).Count());
            return [.. events.Select(static happened => happened.ConnectionId)];
        }
    }

    [Fact]
    public async Task Outage_SendsFailLoudlyMeanwhile_EverythingWorksAgainAndTheLossIsReported()
    {
        await using var a = await A.ConnectAsync("user", "group");
        await using var b = await B.ConnectAsync("user", "group");
        await using var c = await C.ConnectAsync("other", "group");
        Assert.Equal(HttpStatusCode.Accepted, await A.SendAsync("group/group", "before"));
        await ExpectAsync("before", a, b, c);

        await CutAsync();
        foreach (var node in _nodes)
        {
            await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Degraded", $"node {node.Settings.Name} is degraded");
        }

        Assert.Equal(HttpStatusCode.ServiceUnavailable, await A.SendAsync("group/group", "here"));
        await ExpectAsync("here", a);
        await using var latecomer = await B.ConnectAsync("latecomer", "group");
        await RestoreAsync();

        foreach (var node in _nodes)
        {
            await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Healthy", $"node {node.Settings.Name} is healthy");
            await Guard.UntilAsync(
                async () => (await node.EventsAsync()).Any(static happened => happened is { Event: "possible_loss", Cause: "BackplaneReconnected" }),
                $"node {node.Settings.Name} reports the loss");
        }

        // Healthy is the backplane's word; a channel that was missing follows within one round of the loop that looks after channels.
        await ReachAsync(A, "user/latecomer", latecomer);
        await ReachAsync(C, "group/group", a, b, c, latecomer);
        await ReachAsync(A, "group/group", a, b, c, latecomer);
        await ReachAsync(B, "user/user", a, b);
        await ReachAsync(C, "all", a, b, c, latecomer);
        await ReachAsync(A, $"connection/{c.ConnectionId}", c);
        await Guard.UntilAsync(() => A.SessionsAsync("group=group"), static found => found.Length == 4, "all sessions are seen again");
    }

    private static async Task ExpectAsync(string text, params DotNetClient[] clients)
    {
        foreach (var client in clients)
        {
            await client.ExpectAsync(text);
        }
    }

    /// <summary>Sends until all of the clients have one of the messages; what else they get meanwhile is of the same kind.</summary>
    private static async Task ReachAsync(TestNodeProcess node, string target, params DotNetClient[] clients)
    {
        var text = SharedCluster.Unique("reached");
        var arrivals = clients.Select(client => client.SkipToAsync(next => next.Text == text)).ToArray();
        await Guard.UntilAsync(
            async () =>
            {
                await node.SendAsync(target, text);
                return arrivals.All(static arrival => arrival.IsCompleted);
            },
            $"{target} is reached from {node.Settings.Name}");
        await Task.WhenAll(arrivals);
    }

    private NodeSettings Settings(string name) => new() { Name = name, Prefix = _prefix, Options = Quick, Transport = NodeArguments() };
}
