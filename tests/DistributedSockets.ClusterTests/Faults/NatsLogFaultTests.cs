using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Nodes that log in JetStream, whose links are cut and whose server is killed.</summary>
public sealed class NatsLogFaultTests
{
    [Fact]
    public async Task LinksCut_AndTheServerKilled_NothingThatIsLoggedIsMissing()
    {
        await using var server = new NatsServer { HasJetStream = true };
        server.SkipUnlessAvailable();
        await server.StartAsync();
        FaultProxy[] links = [.. Enumerable.Range(0, 2).Select(_ => FaultProxy.Start(server.EndPoint))];
        var nodes = await TestNodeProcess.StartAsync(
            [.. links.Select(static (link, index) => new NodeSettings { Name = $"node{index}", Transport = ["--nats", link.EndPoint], Log = true })]);
        try
        {
            await using var load = await HistoryLoad.StartAsync(new() { Seed = 211, Logged = true }, () => nodes);
            for (var i = 0; i < 4; i++)
            {
                links[i % 2].Cut();
                await load.UntilFlowingAsync();
            }

            await server.KillAsync();
            foreach (var node in nodes)
            {
                await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Degraded", $"node {node.Settings.Name} is degraded");
            }

            await server.StartAsync();
            var normal = await load.UntilFlowingAsync();
            foreach (var node in nodes)
            {
                await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Healthy", $"node {node.Settings.Name} is healthy");
            }

            var verdict = await load.EndAsync();
            FaultReport.Write(load, verdict, normal);
            verdict.AssertKept($"{load}");
            Assert.DoesNotContain(load.History.Snapshot().Losses, static loss => loss.IsOfLog);
        }
        finally
        {
            foreach (var node in nodes)
            {
                await node.DisposeAsync();
            }

            foreach (var link in links)
            {
                await link.DisposeAsync();
            }
        }
    }
}
