namespace DistributedSockets.ClusterTests;

/// <summary>Two applications on one Redis.</summary>
[Collection(SharedGroup.Name)]
public sealed class PrefixTests(SharedCluster cluster)
{
    private readonly string _user = SharedCluster.Unique("user");
    private readonly string _group = SharedCluster.Unique("group");

    [Fact]
    public async Task OtherPrefix_SameNames_DoNotHearOrSeeEachOther()
    {
        await using var stranger = await TestNodeProcess.StartAsync(
            new NodeSettings { Name = "stranger", Redis = cluster.Redis, IsPatient = true, Prefix = SharedCluster.Unique("app") });
        await using var here = await cluster.A.ConnectAsync(_user, _group);
        await using var there = await stranger.ConnectAsync(_user, _group);
        string[] targets = ["all", $"user/{_user}", $"group/{_group}"];

        foreach (var (node, client) in new[] { (cluster.B, here), (stranger, there) })
        {
            foreach (var text in new[] { "hello", "fence" })
            {
                foreach (var target in targets)
                {
                    await node.SendAsync(target, text);
                    await client.ExpectAsync(text);
                }
            }
        }

        Assert.Equal(new(true, null, null), await cluster.B.CommandAsync(new { op = "join", connection = here.ConnectionId, group = "x" }));
        Assert.Equal("ConnectionNotFoundException", (await cluster.B.CommandAsync(new { op = "join", connection = there.ConnectionId, group = "x" })).Error);
        await Guard.UntilAsync(() => stranger.SessionsAsync($"user={_user}"), static found => found.Length > 0, "the session is stored");
        Assert.Equal(there.ConnectionId, Assert.Single(await stranger.SessionsAsync($"user={_user}")).ConnectionId);
        Assert.Equal(here.ConnectionId, Assert.Single(await cluster.B.SessionsAsync($"user={_user}")).ConnectionId);
        Assert.Equal("stranger", Assert.Single(await stranger.NodesAsync()).Name);

        // Nodes of other tests may still be leaving the shared cluster.
        var names = (await cluster.A.NodesAsync()).Select(static node => node.Name).ToArray();
        Assert.Contains("a", names);
        Assert.Contains("b", names);
        Assert.DoesNotContain("stranger", names);
        await here.AskAsync("Eend", "end");
        await there.AskAsync("Eend", "end");
    }
}
