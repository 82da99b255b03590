namespace DistributedSockets.ClusterTests;

/// <summary>A process without sockets reaches everyone by the name of the hub.</summary>
public abstract class WorkerSuite(NodePair cluster)
{
    private static readonly CommandAnswer Ok = new(true, null, null);

    private readonly string _user = SharedCluster.Unique("user");
    private readonly string _group = SharedCluster.Unique("group");

    [Fact]
    public async Task Worker_EveryTargetAndCommand_ReachesBothNodes()
    {
        await using var worker = await WorkerProcess.StartAsync(cluster.A.Settings with { Name = "worker" });
        await using var near = await cluster.A.ConnectAsync(_user);
        await using var far = await cluster.B.ConnectAsync(_user);
        string[] ids = [near.ConnectionId, far.ConnectionId];

        Assert.Equal(Ok, await worker.CommandAsync(new { op = "send", text = "all" }));
        await near.ExpectAsync("all");
        await far.ExpectAsync("all");
        Assert.Equal(Ok, await worker.CommandAsync(new { op = "send", users = new[] { _user }, text = "user" }));
        await near.ExpectAsync("user");
        await far.ExpectAsync("user");
        Assert.Equal(Ok, await worker.CommandAsync(new { op = "send", connections = ids, text = "both" }));
        await near.ExpectAsync("both");
        await far.ExpectAsync("both");

        foreach (var id in ids)
        {
            Assert.Equal(Ok, await worker.CommandAsync(new { op = "join", connection = id, group = _group }));
        }

        Assert.Equal(Ok, await worker.CommandAsync(new { op = "send", groups = new[] { _group }, except = new[] { near.ConnectionId }, text = "group" }));
        await far.ExpectAsync("group");
        Assert.Equal(Ok, await worker.CommandAsync(new { op = "leave", connection = far.ConnectionId, group = _group }));
        Assert.Equal(Ok, await worker.CommandAsync(new { op = "send", groups = new[] { _group }, text = "left" }));
        await near.ExpectAsync("left");
        Assert.Equal(Ok, await worker.CommandAsync(new { op = "disconnect", connection = near.ConnectionId, code = 4005, reason = "worker" }));
        Assert.Equal(new ClientEvent("close", "worker", 4005), await near.NextAsync());
        Assert.Equal("ConnectionNotFoundException", (await worker.CommandAsync(new { op = "join", connection = "nobody", group = _group })).Error);
        Assert.Equal("ConnectionNotFoundException", (await worker.CommandAsync(new { op = "disconnect", connection = $"{far.NodeId}.AAAAAAAAAAAAAAAAAAAAAA" })).Error);
        Assert.Equal(Ok, await worker.CommandAsync(new { op = "disconnectUser", user = _user, code = 4006, reason = "all" }));
        Assert.Equal(new ClientEvent("close", "all", 4006), await far.NextAsync());

        Assert.Equal(0, await worker.EndAsync());
    }
}
