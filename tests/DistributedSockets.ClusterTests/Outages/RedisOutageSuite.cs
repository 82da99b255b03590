using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Two nodes and a Redis that the tests of a class may harm, anew for each test.</summary>
public abstract class RedisOutageSuite : IAsyncLifetime
{
    private readonly RedisFixture _redis = new();

    private protected RespServer Server => _redis.Server;

    private protected string EndPoint => _redis.EndPoint;

    private protected string Group { get; } = SharedCluster.Unique("group");

    private protected TestNodeProcess[] Nodes { get; private set; } = [];

    private protected TestNodeProcess A => Nodes[0];

    private protected TestNodeProcess B => Nodes[1];

    public async ValueTask InitializeAsync()
    {
        await _redis.InitializeAsync();
        Nodes = await TestNodeProcess.StartAsync(
            new NodeSettings { Name = "a", Redis = _redis.EndPoint }, new NodeSettings { Name = "b", Redis = _redis.EndPoint });
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Nodes)
        {
            await node.DisposeAsync();
        }

        await _redis.DisposeAsync();
    }

    /// <summary>Each client reaches each, by every kind of target and in a new group, and the store lists them all.</summary>
    private protected async Task AssertEverythingWorksAsync(params (string User, DotNetClient Client)[] members)
    {
        foreach (var (user, client) in members)
        {
            foreach (var node in Nodes)
            {
                await AssertReachedAsync(client, node, $"user/{user}");
            }
        }

        var group = SharedCluster.Unique("again");
        foreach (var (_, client) in members)
        {
            await client.SendAsync($"J{group}");
            await client.SkipToAsync(next => next.Text == $"ok J{group}");
        }

        foreach (var (sender, from) in members)
        {
            await SendAsync($"B{sender} to all", $"{sender} to all", [.. members.Select(static member => member.Client)]);
            await SendAsync($"G{group} {sender} to group", $"{sender} to group", [.. members.Select(static member => member.Client)]);
            foreach (var (receiver, to) in members)
            {
                await SendAsync($"U{receiver} {sender} to user", $"{sender} to user", to);
                await SendAsync($"C{to.ConnectionId} {sender} to connection", $"{sender} to connection", to);
            }

            async Task SendAsync(string operation, string payload, params DotNetClient[] receivers)
            {
                await from.SendAsync(operation);
                foreach (var receiver in receivers)
                {
                    await receiver.SkipToAsync(next => next.Text == payload); // over what is left of the load and the probes
                }
            }
        }

        foreach (var node in Nodes)
        {
            Assert.Equal(0, await node.MetricAsync("events.session_ended.node_lost")); // all of them live
            await Guard.UntilAsync(
                async () => (await node.SessionsAsync($"group={group}")).Length == members.Length, $"node {node.Settings.Name} lists all sessions");
            foreach (var (user, _) in members)
            {
                await Guard.UntilAsync(() => node.IsOnlineAsync(user), $"{user} is online on node {node.Settings.Name}");
            }
        }
    }

    /// <summary>Sends again and again from a node until something arrives.</summary>
    private protected static Task AssertReachedAsync(DotNetClient client, TestNodeProcess from, string target)
    {
        var before = client.Received;
        return Guard.UntilAsync(
            async () =>
            {
                await from.SendAsync(target, "probe");
                return client.Received > before;
            },
            $"{target} is reached from node {from.Settings.Name}");
    }
}
