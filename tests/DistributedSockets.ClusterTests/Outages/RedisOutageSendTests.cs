using System.Collections.Concurrent;
using System.Net;

namespace DistributedSockets.ClusterTests;

/// <summary>A send is answered while Redis is away or hangs: it does not wait for Redis.</summary>
public sealed class RedisOutageSendTests : RedisOutageSuite
{
    [Fact]
    public async Task RestartUnderLoad_SendsFailLoudlyMeanwhile_EverythingWorksAgainAndTheLossIsReported()
    {
        await using var near = await A.ConnectAsync("near", Group);
        await using var far = await B.ConnectAsync("far", Group);
        await using var sender = await A.ConnectAsync("sender");
        using var stop = new CancellationTokenSource();
        ConcurrentQueue<HttpStatusCode>[] answers = [new(), new(), new(), new()];
        Task[] load = [.. answers.Select((own, i) => SendUntilAsync(Nodes[i % Nodes.Length], own, stop.Token))];

        await Guard.UntilAsync(() => Task.FromResult(near.Received > 100 && far.Received > 100), "the load arrives on both nodes");

        await Server.KillAsync();

        // One after the other, so that none waits until Redis is back, whenever it was sent.
        await Guard.UntilAsync(
            () => Task.FromResult(answers.All(static own => own.Count(static answer => answer == HttpStatusCode.ServiceUnavailable) > 25)), "each sender's sends fail");
        await sender.SendAsync($"G{Group} nobody");
        Assert.StartsWith("error G ", await sender.TextAsync(), StringComparison.Ordinal);
        var problem = await A.Http.PostAsync($"/send/group/{Group}", new StringContent("nobody"), TestContext.Current.CancellationToken);
        Assert.Equal("application/problem+json", problem.Content.Headers.ContentType?.MediaType);

        // What needs no Redis goes on, and new clients are not refused.
        var before = near.Received;
        await Guard.UntilAsync(() => Task.FromResult(near.Received > before + 10), "local targets are served");
        await sender.AskAsync("Eecho", "echo");
        await using var latecomer = await A.ConnectAsync("latecomer");
        await latecomer.SendAsync($"J{Group}-late");
        Assert.StartsWith("error J ", await latecomer.TextAsync(), StringComparison.Ordinal);
        await sender.SendAsync("Ulatecomer hello");
        await latecomer.ExpectAsync("hello");
        Assert.StartsWith("error U ", await sender.TextAsync(), StringComparison.Ordinal);
        foreach (var node in Nodes)
        {
            await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Degraded", $"node {node.Settings.Name} is degraded");
        }

        await Server.StartAsync();

        foreach (var node in Nodes)
        {
            await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Healthy", $"node {node.Settings.Name} is healthy");
            await Guard.UntilAsync(async () => await node.MetricAsync("events.possible_loss") >= 1, $"node {node.Settings.Name} reports the loss");
            Assert.Contains(await node.EventsAsync(), static happened => happened is { Event: "possible_loss", Cause: "BackplaneReconnected" });
        }

        await stop.CancelAsync();
        await Task.WhenAll(load).Guarded("the end of the load");
        Assert.All(answers.SelectMany(static own => own), static answer => Assert.Contains(answer, new[] { HttpStatusCode.Accepted, HttpStatusCode.ServiceUnavailable }));
        await AssertReachedAsync(latecomer, B, $"group/{Group}-late"); // joined while Redis was away
        await AssertEverythingWorksAsync(("near", near), ("far", far), ("latecomer", latecomer));
    }

    [Fact]
    public async Task RedisHangs_SendsFailMeanwhile_AndWorkAgainWhenItGoesOn()
    {
        await using var near = await A.ConnectAsync("near", Group);
        await using var far = await B.ConnectAsync("far", Group);
        await near.AskAsync($"G{Group} before", "before");
        await far.ExpectAsync("before");

        await Server.PauseAsync();
        try
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, await A.SendAsync($"group/{Group}", "meanwhile"));
            await near.ExpectAsync("meanwhile"); // it is local
        }
        finally
        {
            await Server.ResumeAsync();
        }

        await Guard.UntilAsync(A.ReadinessAsync, static readiness => readiness == "Healthy", "node a is healthy");
        await Guard.UntilAsync(B.ReadinessAsync, static readiness => readiness == "Healthy", "node b is healthy");
        await AssertEverythingWorksAsync(("near", near), ("far", far));
    }

    private async Task SendUntilAsync(TestNodeProcess node, ConcurrentQueue<HttpStatusCode> answers, CancellationToken stop)
    {
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            answers.Enqueue(await node.SendAsync($"group/{Group}", $"load {i}"));
        }
    }
}
