using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Logging.Testing;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.Backplane;

/// <summary>Nodes over several servers.</summary>
public sealed class NatsClusterTests
{
    private const string Channel = "cluster:v1:group:red";

    [Fact]
    public async Task Publish_RightAfterSubscribeThroughAnotherServer_Arrives()
    {
        await using var cluster = await NatsCluster.StartAsync(3);
        await using var subscriber = await StartNodeAsync(cluster, 0);
        await using var publisher = await StartNodeAsync(cluster, 1);
        await using var witness = await StartNodeAsync(cluster, 2);
        string[] channels = [.. Enumerable.Range(0, 2_000).Select(i => $"{Channel}:{i}")];

        foreach (var channel in channels)
        {
            await subscriber.SubscribeAsync(channel);
            await publisher.PublishAsync(channel, "first");
        }

        foreach (var channel in channels)
        {
            Assert.Equal(["first"], await subscriber.Received.WaitForAsync(channel, 1));
        }

        Assert.Empty(witness.Received.Reports);
    }

    [Fact]
    public async Task Kill_OneOfThreeServersUnderLoad_LosesOnlyWhatIsReportedKeepsOrderAndHeals()
    {
        await using var cluster = await NatsCluster.StartAsync(3);
        BackplaneNode[] nodes = [await StartNodeAsync(cluster, 0), await StartNodeAsync(cluster, 1), await StartNodeAsync(cluster, 2)];
        foreach (var node in nodes)
        {
            await node.SubscribeAsync(Channel);
        }

        using var enough = new CancellationTokenSource();
        var publishing = nodes.Select((node, index) => Task.Run(() => PublishNumbersAsync(node, index, enough.Token))).ToArray();
        await Task.WhenAll(nodes.Select(node => node.Received.WaitForAsync(Channel, 300)));

        await cluster.Servers[1].KillAsync();
        await nodes[1].Received.WaitForReportAsync("unavailable");
        await nodes[1].Received.WaitForReportAsync("available");
        var count = nodes.Select(node => node.Received.Payloads(Channel).Count).ToArray();
        await Task.WhenAll(nodes.Select((node, index) => node.Received.WaitForAsync(Channel, count[index] + 300)));
        await enough.CancelAsync();
        var taken = await Task.WhenAll(publishing).WithinGuardAsync();

        // Nothing is stuck: what each publishes now, each hears.
        for (var publisher = 0; publisher < nodes.Length; publisher++)
        {
            await nodes[publisher].PublishAsync(Channel, $"{publisher}:{int.MaxValue}");
        }

        for (var subscriber = 0; subscriber < nodes.Length; subscriber++)
        {
            for (var publisher = 0; publisher < nodes.Length; publisher++)
            {
                await nodes[subscriber].Received.WaitForAsync(Channel, $"{publisher}:{int.MaxValue}");
                int[] received = [.. nodes[subscriber].Received.Texts(Channel)
                    .Where(text => text.StartsWith($"{publisher}:", StringComparison.Ordinal)).Select(text => int.Parse(text[2..]))];
                Assert.Equal(received.Order().Distinct(), received);
                if (publisher != 1 && subscriber != 1)
                {
                    Assert.Empty(taken[publisher].Except(received));
                }
            }
        }

        Assert.Empty(nodes[0].Received.Reports);
        Assert.Equal(["unavailable", "available"], nodes[1].Received.Reports);
        Assert.Empty(nodes[2].Received.Reports);
        foreach (var node in nodes)
        {
            await node.DisposeAsync();
        }
    }

    [Fact]
    public async Task Subscribe_ServerOfAnotherNodeGone_IsNotHeldUpForGood()
    {
        await using var cluster = await NatsCluster.StartAsync(2);
        await using var staying = await StartNodeAsync(cluster, 0);
        var leaving = await StartNodeAsync(cluster, 1);
        await leaving.DisposeAsync();

        await staying.SubscribeAsync(Channel, Channel + ":2");

        await staying.PublishAsync(Channel, "heard");
        await staying.Received.WaitForAsync(Channel, 1);
        Assert.Empty(staying.Received.Reports);
    }

    [Fact]
    public async Task LameDuckMode_OtherServerKnown_MovesThereAndGoesOn()
    {
        await using var cluster = await NatsCluster.StartAsync(2);
        var logger = new FakeLogger<NatsBackplane>();
        await using var moving = await StartNodeAsync(cluster, 0, logger);
        await using var staying = await StartNodeAsync(cluster, 1);
        await moving.SubscribeAsync(Channel);

        await cluster.Servers[0].EnterLameDuckModeAsync();
        await moving.Received.WaitForReportAsync("unavailable");
        await moving.Received.WaitForReportAsync("available");

        await staying.PublishAsync(Channel, "heard");
        Assert.Equal(["heard"], await moving.Received.WaitForAsync(Channel, 1));
        Assert.Contains(logger.Collector.GetSnapshot(), entry => entry.Id.Id == 1110);
        Assert.Empty(staying.Received.Reports);
    }

    private static Task<BackplaneNode> StartNodeAsync(NatsCluster cluster, int server, FakeLogger<NatsBackplane>? logger = null) =>
        BackplaneNode.StartAsync(NatsFactory.Backplane(
            "",
            options =>
            {
                // This server first, and any of the others when it is away.
                var urls = cluster.Servers.Skip(server).Concat(cluster.Servers.Take(server)).Select(static other => other.Url);
                (options.Url, options.Configuration) = (null, new NatsOpts { Url = string.Join(',', urls), NoRandomize = true });
            },
            logger));

    private static async Task<List<int>> PublishNumbersAsync(BackplaneNode node, int index, CancellationToken enough)
    {
        var taken = new List<int>();
        for (var i = 0; !enough.IsCancellationRequested; i++)
        {
            try
            {
                await node.PublishAsync(Channel, $"{index}:{i}");
                taken.Add(i);
            }
            catch (BackplaneUnavailableException)
            {
                // Said to whoever sends.
            }

            await Task.Delay(TimeSpan.FromMilliseconds(1), TestContext.Current.CancellationToken);
        }

        return taken;
    }
}
