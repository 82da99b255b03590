using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Redis goes away, hangs, comes back, and forgets.</summary>
[Collection(AloneGroup.Name)]
public sealed class RedisOutageTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2); // a send is answered by then, whatever Redis does

    private readonly RedisFixture _redis = new();
    private readonly string _group = SharedCluster.Unique("group");
    private TestNodeProcess[] _nodes = [];

    private TestNodeProcess A => _nodes[0];

    private TestNodeProcess B => _nodes[1];

    public async ValueTask InitializeAsync()
    {
        await _redis.InitializeAsync();
        _nodes = await TestNodeProcess.StartAsync(
            new NodeSettings { Name = "a", Redis = _redis.EndPoint }, new NodeSettings { Name = "b", Redis = _redis.EndPoint });
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        await _redis.DisposeAsync();
    }

    [Fact]
    public async Task RestartUnderLoad_SendsFailLoudlyMeanwhile_EverythingWorksAgainAndTheLossIsReported()
    {
        await using var near = await A.ConnectAsync("near", _group);
        await using var far = await B.ConnectAsync("far", _group);
        await using var sender = await A.ConnectAsync("sender");
        using var stop = new CancellationTokenSource();
        var answers = new ConcurrentBag<(HttpStatusCode Status, TimeSpan Elapsed)>();
        Task[] load = [.. _nodes.SelectMany(node => Enumerable.Range(0, 2).Select(_ => SendUntilAsync(node, answers, stop.Token)))];

        await Guard.UntilAsync(() => Task.FromResult(near.Received > 100 && far.Received > 100), "the load arrives on both nodes");

        await _redis.Server.KillAsync();

        await Guard.UntilAsync(
            () => Task.FromResult(answers.Count(static answer => answer.Status == HttpStatusCode.ServiceUnavailable) > 100), "sends fail");
        await sender.SendAsync($"G{_group} nobody");
        Assert.StartsWith("error G ", await sender.TextAsync(), StringComparison.Ordinal);
        var problem = await A.Http.PostAsync($"/send/group/{_group}", new StringContent("nobody"), TestContext.Current.CancellationToken);
        Assert.Equal("application/problem+json", problem.Content.Headers.ContentType?.MediaType);

        // What needs no Redis goes on, and new clients are not refused.
        var before = near.Received;
        await Guard.UntilAsync(() => Task.FromResult(near.Received > before + 10), "local targets are served");
        await sender.AskAsync("Eecho", "echo");
        await using var latecomer = await A.ConnectAsync("latecomer");
        await latecomer.SendAsync($"J{_group}-late");
        Assert.StartsWith("error J ", await latecomer.TextAsync(), StringComparison.Ordinal);
        await sender.SendAsync("Ulatecomer hello");
        await latecomer.ExpectAsync("hello");
        Assert.StartsWith("error U ", await sender.TextAsync(), StringComparison.Ordinal);
        foreach (var node in _nodes)
        {
            await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Degraded", $"node {node.Settings.Name} is degraded");
        }

        await _redis.Server.StartAsync();

        foreach (var node in _nodes)
        {
            await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Healthy", $"node {node.Settings.Name} is healthy");
            await Guard.UntilAsync(async () => await node.MetricAsync("events.possible_loss") >= 1, $"node {node.Settings.Name} reports the loss");
            Assert.Contains(await node.EventsAsync(), static happened => happened is { Event: "possible_loss", Cause: "BackplaneReconnected" });
        }

        await stop.CancelAsync();
        await Task.WhenAll(load).Guarded("the end of the load");
        Assert.All(answers, static answer => Assert.Contains(answer.Status, new[] { HttpStatusCode.Accepted, HttpStatusCode.ServiceUnavailable }));
        Assert.True(answers.Max(static answer => answer.Elapsed) < Patience, $"A send took {answers.Max(static answer => answer.Elapsed)}.");
        await AssertReachedAsync(latecomer, B, $"group/{_group}-late"); // joined while Redis was away
        await AssertEverythingWorksAsync(("near", near), ("far", far), ("latecomer", latecomer));
    }

    [Fact]
    public async Task RedisHangs_SendsFailInTime_AndWorkAgainWhenItGoesOn()
    {
        await using var near = await A.ConnectAsync("near", _group);
        await using var far = await B.ConnectAsync("far", _group);
        await near.AskAsync($"G{_group} before", "before");
        await far.ExpectAsync("before");

        await _redis.Server.PauseAsync();
        try
        {
            var started = Stopwatch.GetTimestamp();
            Assert.Equal(HttpStatusCode.ServiceUnavailable, await A.SendAsync($"group/{_group}", "meanwhile"));
            var elapsed = Stopwatch.GetElapsedTime(started);
            Assert.True(elapsed < Patience, $"The send took {elapsed}.");
            await near.ExpectAsync("meanwhile"); // it is local
        }
        finally
        {
            await _redis.Server.ResumeAsync();
        }

        await Guard.UntilAsync(A.ReadinessAsync, static readiness => readiness == "Healthy", "node a is healthy");
        await Guard.UntilAsync(B.ReadinessAsync, static readiness => readiness == "Healthy", "node b is healthy");
        await AssertEverythingWorksAsync(("near", near), ("far", far));
    }

    [Fact]
    public async Task ConnectionsKilledByRedis_LossIsReported_EverythingWorksAgain()
    {
        await using var near = await A.ConnectAsync("near", _group);
        await using var far = await B.ConnectAsync("far", _group);
        foreach (var type in new[] { "pubsub", "normal" })
        {
            Assert.StartsWith(":", await _redis.Server.CommandAsync("CLIENT", "KILL", "TYPE", type, "SKIPME", "yes"), StringComparison.Ordinal);
        }

        foreach (var node in _nodes)
        {
            await Guard.UntilAsync(async () => await node.MetricAsync("events.possible_loss") >= 1, $"node {node.Settings.Name} reports the loss");
        }

        await AssertEverythingWorksAsync(("near", near), ("far", far));
    }

    [Fact]
    public async Task NodeReadsTooSlowlyForRedis_IsCutOff_LossIsReportedAndEverythingWorksAgain()
    {
        Assert.SkipUnless(_redis.Server is RedisServer, "Only redis-server cuts off who reads too slowly.");
        await _redis.Server.CommandAsync("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 1mb 1");
        await using var near = await A.ConnectAsync("near", _group);
        await using var far = await B.ConnectAsync("far", _group);
        var payload = new string('x', 60_000);
        var nobody = $"connection/{far.NodeId}.AAAAAAAAAAAAAAAAAAAAAA"; // what does get through should not flood a client

        B.Freeze();
        try
        {
            for (var i = 0; i < 400; i++)
            {
                Assert.Equal(HttpStatusCode.Accepted, await A.SendAsync(nobody, payload));
            }
        }
        finally
        {
            B.Thaw();
        }

        await Guard.UntilAsync(async () => await B.MetricAsync("events.possible_loss") >= 1, "the loss is reported");
        await AssertEverythingWorksAsync(("near", near), ("far", far));
    }

    [Fact]
    public async Task FlushAll_SessionsComeBackAndMessagesGoOn()
    {
        await using var near = await A.ConnectAsync("near", _group);
        await using var far = await B.ConnectAsync("far", _group);
        await Guard.UntilAsync(() => A.SessionsAsync($"group={_group}"), static found => found.Length == 2, "both sessions are stored");

        Assert.StartsWith("+OK", await _redis.Server.CommandAsync("FLUSHALL"), StringComparison.Ordinal);

        await near.AskAsync($"G{_group} at once", "at once");
        await far.ExpectAsync("at once");
        await AssertEverythingWorksAsync(("near", near), ("far", far));
    }

    [Fact]
    public async Task StartedWithoutRedis_AcceptsClients_AndJoinsTheClusterWhenItComes()
    {
        await _redis.Server.StopAsync();
        await using var late = await TestNodeProcess.StartAsync(new NodeSettings { Name = "c", Redis = _redis.EndPoint });
        await using var client = await late.ConnectAsync("early");
        await client.AskAsync("Ehello", "hello");
        await using var joiner = await late.ConnectAsync("joiner", _group);

        await _redis.Server.StartAsync();

        await Guard.UntilAsync(late.ReadinessAsync, static readiness => readiness == "Healthy", "the node is healthy");
        await Guard.UntilAsync(async () => (await A.NodesAsync()).Length == 3, "all nodes are listed");
        await using var far = await A.ConnectAsync("far", _group);
        await AssertReachedAsync(joiner, A, $"group/{_group}");
        await AssertEverythingWorksAsync(("early", client), ("joiner", joiner), ("far", far));
    }

    /// <summary>Each client reaches each, by every kind of target and in a new group, and the store lists them all.</summary>
    private async Task AssertEverythingWorksAsync(params (string User, DotNetClient Client)[] members)
    {
        foreach (var (user, client) in members)
        {
            foreach (var node in _nodes)
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

        foreach (var node in _nodes)
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
    private static Task AssertReachedAsync(DotNetClient client, TestNodeProcess from, string target)
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

    private async Task SendUntilAsync(TestNodeProcess node, ConcurrentBag<(HttpStatusCode Status, TimeSpan Elapsed)> answers, CancellationToken stop)
    {
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            var started = Stopwatch.GetTimestamp();
            var status = await node.SendAsync($"group/{_group}", $"load {i}");
            answers.Add((status, Stopwatch.GetElapsedTime(started)));
        }
    }
}
