using System.Net;
using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Over three Redis servers that know nothing of each other.</summary>
public sealed class SeveralRedisTransportTests : TransportTests
{
    private readonly RedisServers _servers = new();

    protected override async Task StartServersAsync()
    {
        _servers.SkipUnlessAvailable();
        await _servers.InitializeAsync();
    }

    protected override IReadOnlyList<string> NodeArguments() => ["--redis", string.Join(',', _servers.All.Select(static server => server.EndPoint).Shuffle())];

    protected override Task CutAsync() => _servers.EachAsync(static server => server.KillAsync());

    protected override Task RestoreAsync() => _servers.EachAsync(static server => server.StartAsync());

    protected override ValueTask DisposeServersAsync() => _servers.DisposeAsync();
}

/// <summary>One of three Redis servers that know nothing of each other is away.</summary>
public sealed class SeveralRedisTests
{
    // So many that each server has some of them.
    private static readonly string[] Users = [.. Enumerable.Range(0, 20).Select(static i => $"user{i}")];
    private static readonly string[] Groups = [.. Enumerable.Range(0, 40).Select(static i => $"group{i}")];

    /// <summary>The server that is lost is not that of the sessions.</summary>
    [Fact]
    public async Task OneServerKilled_OnlyItsShareFails_AndAllWorksAfterItsRestart()
    {
        await using var servers = await RedisServers.StartAsync();
        var nodes = await TestNodeProcess.StartAsync(
            new NodeSettings { Name = "a", Redis = servers.EndPoints },
            new NodeSettings { Name = "b", Redis = string.Join(',', servers.EndPoints.Split(',').Reverse()) });
        List<DotNetClient> clients = [];
        try
        {
            var (a, b) = (nodes[0], nodes[1]);
            foreach (var user in Users)
            {
                clients.Add(await b.ConnectAsync(user));
            }

            var homes = await Task.WhenAll(Users.Select(user => servers.OfAsync($"distributed-sockets:v1:testnode:user:{user}")));
            var store = servers.All.MinBy(static server => server.EndPoint, StringComparer.Ordinal);
            var lost = homes.First(home => home != store);
            Assert.Contains(homes, home => home != lost);
            await lost.KillAsync();
            foreach (var node in nodes)
            {
                await Guard.UntilAsync(
                    node.HealthAsync,
                    why => why.StartsWith("Degraded: A part of the backplane is away;", StringComparison.Ordinal)
                        && why.Contains($"1 of 3 Redis servers is away: '{lost.EndPoint}'", StringComparison.Ordinal),
                    $"node {node.Settings.Name} says which server is away");
            }

            for (var i = 0; i < Users.Length; i++)
            {
                var answer = await a.CommandAsync(new { op = "send", users = new[] { Users[i] }, text = "meanwhile" });
                if (homes[i] == lost)
                {
                    Assert.Equal("BackplaneUnavailableException", answer.Error);
                    Assert.Contains($"'{lost.EndPoint}', one of 3", answer.Message, StringComparison.Ordinal);
                }
                else
                {
                    Assert.True(answer.Ok, answer.Message);
                    await clients[i].ExpectAsync("meanwhile");
                }

                Assert.True(await a.IsOnlineAsync(Users[i]));
            }

            // Who comes meanwhile is let in, and heard of where the channel's server is there.
            await using var everybody = await b.ConnectAsync(groups: string.Join(',', Groups));
            var reached = 0;
            foreach (var group in Groups)
            {
                if (await a.SendAsync($"group/{group}", group) == HttpStatusCode.Accepted)
                {
                    await everybody.ExpectAsync(group);
                    reached++;
                }
            }

            Assert.InRange(reached, 1, Groups.Length - 1);
            await lost.StartAsync();
            foreach (var node in nodes)
            {
                await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Healthy", $"node {node.Settings.Name} is healthy");
                await Guard.UntilAsync(
                    async () => (await node.EventsAsync()).Any(static happened => happened is { Event: "possible_loss", Cause: "BackplaneReconnected" }),
                    $"node {node.Settings.Name} reports the loss");
            }

            for (var i = 0; i < Users.Length; i++)
            {
                Assert.Equal(HttpStatusCode.Accepted, await a.SendAsync($"user/{Users[i]}", "afterwards"));
                await clients[i].ExpectAsync("afterwards");
            }

            foreach (var group in Groups)
            {
                var text = $"again {group}";
                var arrival = everybody.SkipToAsync(next => next.Text == text);
                await Guard.UntilAsync(
                    async () =>
                    {
                        await a.SendAsync($"group/{group}", text);
                        return arrival.IsCompleted;
                    },
                    $"{group} is reached");
            }
        }
        finally
        {
            foreach (var client in clients)
            {
                await client.DisposeAsync();
            }

            foreach (var node in nodes)
            {
                await node.DisposeAsync();
            }
        }
    }

    /// <summary>Each of them in turn, so also that of the sessions.</summary>
    [Fact]
    public async Task EachServerKilledUnderLoad_WhatIsMissingIsReported_AndEverythingWorksAgain()
    {
        await using var servers = await RedisServers.StartAsync();
        var nodes = await TestNodeProcess.StartAsync(
            [.. Enumerable.Range(0, 2).Select(index => new NodeSettings { Name = $"node{index}", Redis = servers.EndPoints })]);
        try
        {
            await using var load = await HistoryLoad.StartAsync(new() { Seed = 105 }, () => nodes);
            var normal = TimeSpan.Zero;
            foreach (var server in servers.All)
            {
                await server.KillAsync();
                foreach (var node in nodes)
                {
                    await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Degraded", $"node {node.Settings.Name} is degraded");
                }

                await load.UntilFlowingAsync(); // over the others
                await server.StartAsync();
                normal = await load.UntilFlowingAsync();
                foreach (var node in nodes)
                {
                    await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Healthy", $"node {node.Settings.Name} is healthy");
                }
            }

            foreach (var node in nodes)
            {
                await Guard.UntilAsync(
                    async () => await node.MetricAsync("events.possible_loss") >= servers.All.Count, $"node {node.Settings.Name} reports each loss");
                await Guard.UntilAsync(async () => (await node.SessionsAsync()).Length == load.Settings.Clients, $"node {node.Settings.Name} lists all sessions");
            }

            await load.UntilFlowingAsync();
            var verdict = await load.EndAsync();
            FaultReport.Write(load, verdict, normal);
            verdict.AssertKept($"{load}");
        }
        finally
        {
            foreach (var node in nodes)
            {
                await node.DisposeAsync();
            }
        }
    }
}
