using System.Text.RegularExpressions;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Backplane;

public abstract partial class RedisBackplaneOutageTests(ServerKind kind)
{
    private const string Channel = "outage:v1:user:alice";
    private const string Fence = "fence";

    private static readonly TimeSpan ShortTimeout = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Subscribe_ServerPaused_ThrowsAndIsNotSubscribedLater()
    {
        await using var server = await kind.StartAsync();
        await using var node = await StartNodeAsync(server, ShortTimeout);
        await server.PauseAsync();

        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.SubscribeAsync(Channel));

        await server.ResumeAsync();
        await Eventually.TrueAsync(async () => await TryPublishAsync(node, "unheard") == 0, "the server counts nobody as subscribed");
        await SubscribePatientlyAsync(node);
        await PublishUntilReceivedAsync(node);
        Assert.DoesNotContain("unheard", node.Received.Texts(Channel));
    }

    [Fact]
    public async Task Publish_ServerPaused_ThrowsReportsTheOutageAndRecovers()
    {
        await using var server = await kind.StartAsync();
        await using var node = await StartNodeAsync(server, ShortTimeout);
        await SubscribePatientlyAsync(node);
        await PublishUntilReceivedAsync(node);
        var outages = node.Received.Reports.Count(report => report == "unavailable");
        await server.PauseAsync();

        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.PublishAsync(Channel, "late"));
        await node.Received.WaitForReportAsync("unavailable", outages + 1);

        await server.ResumeAsync();
        await node.Received.WaitForReportAsync("available", outages + 1);
        await Eventually.TrueAsync(async () => await TryPublishAsync(node, "afterwards") == 1, "a publish is taken");
        await node.Received.WaitForAsync(Channel, "afterwards");
    }

    [Fact]
    public async Task Unsubscribe_ServerPaused_IsNoError()
    {
        await using var server = await kind.StartAsync();
        await using var node = await StartNodeAsync(server, ShortTimeout);
        await SubscribePatientlyAsync(node);
        await server.PauseAsync();

        await node.UnsubscribeAsync(Channel);

        await server.ResumeAsync();
        await Eventually.TrueAsync(async () => await TryPublishAsync(node, "unheard") == 0, "the server counts nobody as subscribed");
        Assert.Empty(node.Received.Texts(Channel));
    }

    [Theory]
    [InlineData("pubsub")]
    [InlineData("normal")]
    public async Task ClientKill_OneTypeOfConnections_SubscriptionsAreInForceAfterwards(string type)
    {
        await using var server = await kind.StartAsync();
        await using var node = await StartNodeAsync(server);
        await node.SubscribeAsync(Channel);

        await server.CommandAsync("CLIENT", "KILL", "TYPE", type);

        // Which connections are of this type depends on server and protocol; what counts is that the node notices if it has lost one.
        await PublishUntilReceivedAsync(node);
        await Eventually.TrueAsync(() => node.Received.Reports is [] or [.., "available"], "an outage that was reported is over");
        Assert.Equal(node.Received.Reports.Count(report => report == "unavailable"), node.Received.Reports.Count(report => report == "available"));
    }

    [Fact]
    public async Task ClientKill_AllConnections_IsReportedAndHealed()
    {
        await using var server = await kind.StartAsync();
        await using var node = await StartNodeAsync(server);
        await node.SubscribeAsync(Channel);

        var clients = await server.CommandAsync("CLIENT", "LIST");
        foreach (Match client in ClientId().Matches(clients))
        {
            await server.CommandAsync("CLIENT", "KILL", "ID", client.Groups[1].Value);
        }

        // They die one by one, and the node may have recovered in between.
        await node.Received.WaitForReportAsync("unavailable");
        await PublishUntilReceivedAsync(node);
        await Eventually.TrueAsync(() => node.Received.Reports[^1] == "available", "the outage is over");
    }

    [Fact]
    public async Task Dispose_ServerPaused_Completes()
    {
        await using var server = await kind.StartAsync();
        var node = await StartNodeAsync(server, TimeSpan.FromSeconds(5));
        await Task.WhenAll(Enumerable.Range(0, 1_000).Select(i => node.SubscribeAsync($"{Channel}:{i}")));
        await server.PauseAsync();

        await node.DisposeAsync().WithinGuardAsync();

        Assert.Empty(node.Received.Reports);
    }

    [GeneratedRegex(@"\bid=(\d+)")]
    private static partial Regex ClientId();

    /// <remarks>A short timeout is meant for the server that is paused; one that has just started may need longer.</remarks>
    private static Task SubscribePatientlyAsync(BackplaneNode node) => Eventually.TrueAsync(
        async () =>
        {
            try
            {
                await node.SubscribeAsync(Channel);
                return true;
            }
            catch (BackplaneUnavailableException)
            {
                return false;
            }
        },
        "the channel is subscribed");

    /// <remarks>A server may still count a connection that it is about to close, so one publish is not enough.</remarks>
    private static Task PublishUntilReceivedAsync(BackplaneNode node) => Eventually.TrueAsync(
        async () =>
        {
            await TryPublishAsync(node, Fence);
            return node.Received.Texts(Channel).Count > 0;
        },
        "a payload is received");

    private static async Task<long?> TryPublishAsync(BackplaneNode node, string text)
    {
        try
        {
            return await node.PublishAsync(Channel, text);
        }
        catch (BackplaneUnavailableException)
        {
            return null;
        }
    }

    private Task<BackplaneNode> StartNodeAsync(RespServer server, TimeSpan? timeout = null) =>
        BackplaneNode.StartAsync(RedisFactory.Backplane(
            kind.ConnectionString(server), options => options.OperationTimeout = timeout ?? options.OperationTimeout));
}

public sealed class RedisResp3BackplaneOutageTests() : RedisBackplaneOutageTests(ServerKind.RedisResp3);

public sealed class RedisResp2BackplaneOutageTests() : RedisBackplaneOutageTests(ServerKind.RedisResp2);

public sealed class GarnetResp3BackplaneOutageTests() : RedisBackplaneOutageTests(ServerKind.GarnetResp3);

public sealed class GarnetResp2BackplaneOutageTests() : RedisBackplaneOutageTests(ServerKind.GarnetResp2);
