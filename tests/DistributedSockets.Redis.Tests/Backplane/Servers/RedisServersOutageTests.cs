using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace DistributedSockets.Redis.Tests.Backplane.Servers;

public abstract class RedisServersOutageTests(string protocol)
{
    private const string Fence = "fence";

    private static readonly string[] Channels = [.. Enumerable.Range(0, 60).Select(static i => $"several:v1:user:{i}")];

    [Fact]
    public async Task OneServerKilled_OnlyItsShareFails_AndAllIsBackAfterItsRestart()
    {
        await using var servers = await RedisServers.StartAsync();
        await using var node = await StartNodeAsync(servers);
        await using var other = await StartNodeAsync(servers);
        await node.SubscribeAsync(Channels);
        var share = await ShareAsync(servers);
        Assert.All(servers.All, server => Assert.NotEmpty(share[server]));
        var lost = servers.All[1];

        await lost.KillAsync();
        await node.Received.WaitForReportAsync("partly unavailable");
        await other.Received.WaitForReportAsync("partly unavailable");

        foreach (var channel in Channels.Except(share[lost]))
        {
            Assert.Equal(1, await other.PublishAsync(channel, "meanwhile"));
            await node.Received.WaitForAsync(channel, "meanwhile");
        }

        foreach (var channel in share[lost])
        {
            var refusal = await Assert.ThrowsAsync<BackplaneUnavailableException>(() => other.PublishAsync(channel, "lost"));
            Assert.Contains($"'{lost.EndPoint}', one of 3", refusal.Message);
            await Assert.ThrowsAsync<BackplaneUnavailableException>(() => other.SubscribeAsync(channel));
        }

        var kept = Channels.Except(share[lost]).First();
        await other.SubscribeAsync(kept);
        await node.UnsubscribeAsync(share[lost][0]);

        await lost.StartAsync();
        await node.Received.WaitForReportAsync("available");
        await other.Received.WaitForReportAsync("available");
        Assert.Equal(0, await other.PublishAsync(share[lost][0], "unheard"));
        foreach (var channel in Channels.Except([share[lost][0]]))
        {
            Assert.Equal(channel == kept ? 2 : 1, await other.PublishAsync(channel, Fence));
            await node.Received.WaitForAsync(channel, Fence);
        }

        Assert.All(share[lost], channel => Assert.DoesNotContain("lost", node.Received.Texts(channel)));
        Assert.Equal(["partly unavailable", "available"], node.Received.Reports);
    }

    [Fact]
    public async Task AllServersKilled_OneAfterTheOtherComesBack_EachShareWorksAsSoonAsItsServer()
    {
        await using var servers = await RedisServers.StartAsync();
        await using var node = await StartNodeAsync(servers);
        await node.SubscribeAsync(Channels);
        var share = await ShareAsync(servers);
        await servers.EachAsync(static server => server.KillAsync());
        await node.Received.WaitForReportAsync("unavailable");

        for (var i = 0; i < servers.All.Count; i++)
        {
            await servers.All[i].StartAsync();
            await Eventually.TrueAsync(async () => await TryPublishAsync(node, share[servers.All[i]][0]) == 1, $"server {i} takes publishes");
            if (i < servers.All.Count - 1)
            {
                await node.Received.WaitForReportAsync("loss", i + 1);
                Assert.DoesNotContain("available", node.Received.Reports);
            }
        }

        await node.Received.WaitForReportAsync("available");
        foreach (var channel in Channels)
        {
            Assert.Equal(1, await node.PublishAsync(channel, Fence));
            await node.Received.WaitForAsync(channel, Fence);
        }
    }

    [Fact]
    public async Task OneServerFrozen_ItsShareIsReportedLost_AndTheOthersNeverWaitForIt()
    {
        await using var servers = await RedisServers.StartAsync();
        await using var node = await StartNodeAsync(servers, TimeSpan.FromSeconds(1));
        await Eventually.TrueAsync(async () => await TrySubscribeAsync(node, Channels), "all channels are subscribed");
        var share = await ShareAsync(servers);
        var lost = servers.All[2];
        await lost.PauseAsync();

        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.PublishAsync(share[lost][0], "lost"));
        await Eventually.TrueAsync(() => node.Received.Reports is [.., "partly unavailable"], "the outage of the share is reported");
        var kept = Channels.Except(share[lost]).First();
        await Eventually.TrueAsync(async () => await TryPublishAsync(node, kept) == 1, "the share of another server works");

        await lost.ResumeAsync();
        await Eventually.TrueAsync(() => node.Received.Reports is [.., "available"], "the outage is over");
        await Eventually.TrueAsync(async () => await TryPublishAsync(node, share[lost][0]) == 1, "the share works");
    }

    [Fact]
    public async Task Start_OneServerAway_StartsWithTheOthers()
    {
        await using var servers = await RedisServers.StartAsync();
        await servers.All[0].StopAsync();
        await using var node = await StartNodeAsync(servers);

        Assert.Equal(["partly unavailable"], node.Received.Reports);
        var subscribed = new List<string>();
        foreach (var channel in Channels)
        {
            if (await TrySubscribeAsync(node, [channel]))
            {
                subscribed.Add(channel);
            }
        }

        Assert.InRange(subscribed.Count, 1, Channels.Length - 1);
        await servers.All[0].StartAsync();
        await node.Received.WaitForReportAsync("available");
        await node.SubscribeAsync(Channels);
        foreach (var channel in Channels)
        {
            Assert.Equal(1, await node.PublishAsync(channel, Fence));
        }
    }

    [Fact]
    public async Task Log_OfAServer_StandsUnderItsName()
    {
        await using var servers = await RedisServers.StartAsync();
        var logs = new FakeLoggerProvider();
        using var loggers = LoggerFactory.Create(logging => logging.AddProvider(logs));
        await using var node = await BackplaneNode.StartAsync(RedisFactory.Backplane(ConnectionStrings(servers), loggers: loggers));
        await servers.All[0].StopAsync();
        await node.Received.WaitForReportAsync("partly unavailable");

        var lost = Assert.Single(logs.Collector.GetSnapshot(), static entry => entry.Id.Id == 1001);
        Assert.Equal($"DistributedSockets.RedisBackplane.{servers.All[0].EndPoint}", lost.Category);
    }

    private static async Task<Dictionary<RedisServer, string[]>> ShareAsync(RedisServers servers)
    {
        var homes = await Task.WhenAll(Channels.Select(async channel => (Channel: channel, Server: await servers.OfAsync(channel))));
        return homes.GroupBy(static home => home.Server).ToDictionary(static group => group.Key, static group => group.Select(static home => home.Channel).ToArray());
    }

    private static async Task<long?> TryPublishAsync(BackplaneNode node, string channel)
    {
        try
        {
            return await node.PublishAsync(channel, "probe");
        }
        catch (BackplaneUnavailableException)
        {
            return null;
        }
    }

    private static async Task<bool> TrySubscribeAsync(BackplaneNode node, string[] channels)
    {
        try
        {
            await node.SubscribeAsync(channels);
            return true;
        }
        catch (BackplaneUnavailableException)
        {
            return false;
        }
    }

    private IEnumerable<string> ConnectionStrings(RedisServers servers) => servers.All.Select(server => server.EndPoint + protocol);

    /// <remarks>Each node has the servers in another order.</remarks>
    private Task<BackplaneNode> StartNodeAsync(RedisServers servers, TimeSpan? timeout = null) => BackplaneNode.StartAsync(RedisFactory.Backplane(
        ConnectionStrings(servers).Shuffle(), options => options.OperationTimeout = timeout ?? options.OperationTimeout));
}

public sealed class RedisResp3ServersOutageTests() : RedisServersOutageTests(",protocol=resp3");

public sealed class RedisResp2ServersOutageTests() : RedisServersOutageTests(",protocol=resp2");
