using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace DistributedSockets.Tests;

/// <summary>What an app and its clients see when the transport is there and refuses a channel.</summary>
public sealed class RefusedChannelTests
{
    private const string Words = "Permissions Violation for this channel";

    private readonly InMemoryCluster _cluster = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Join_GroupRefused_ThrowsTheWordsAndIsNotKept()
    {
        var (node, backplane) = await StartAsync();
        await using var _ = node;
        await using var client = await node.ConnectAsync("u");
        Refuse(backplane, node.Hub.GroupChannel("g"));

        var refusal = await Assert.ThrowsAsync<BackplaneRefusedException>(async () => await node.Router.AddToGroupAsync(client.Id, "g", Cancellation));
        await node.Router.AddToGroupAsync(client.Id, "other", Cancellation);

        Assert.Contains(Words, refusal.Message);
        Assert.Empty(node.Hub.Group("g"));
        Assert.Single(node.Hub.Group("other"));
        Assert.Equal(HealthStatus.Healthy, (await HealthAsync(node)).Status);
    }

    [Fact]
    public async Task Join_GroupRefusedWhileAPartOfTheBackplaneIsAway_ThrowsAllTheSame()
    {
        var (node, backplane) = await StartAsync();
        await using var _ = node;
        await using var client = await node.ConnectAsync("u");
        Refuse(backplane, node.Hub.GroupChannel("g"));
        backplane.Receiver.OnPartlyUnavailable(new IOException("another part"));

        await Assert.ThrowsAsync<BackplaneRefusedException>(async () => await node.Router.AddToGroupAsync(client.Id, "g", Cancellation));

        Assert.Empty(node.Hub.Group("g"));
    }

    [Fact]
    public async Task Join_OfAConnectionElsewhere_GroupRefusedThere_ThrowsAndSaysWhereToLook()
    {
        var (node, _) = await StartAsync();
        await using var __ = node;
        var (other, others) = await StartAsync();
        await using var ___ = other;
        await using var client = await other.ConnectAsync();
        Refuse(others, other.Hub.GroupChannel("g"));

        var refusal = await Assert.ThrowsAsync<BackplaneRefusedException>(async () => await node.Router.AddToGroupAsync(client.Id, "g", Cancellation));

        Assert.Contains("172", refusal.Message);
        Assert.Empty(other.Hub.Group("g"));
    }

    [Fact]
    public async Task Connect_UsersChannelRefused_OpensAndHealthTellsUntilItIsAllowed()
    {
        var (node, backplane) = await StartAsync();
        await using var _ = node;
        await using var other = await AppNode.StartAsync(_cluster);
        Refuse(backplane, node.Hub.UserChannel("u"));

        await using var client = await node.ConnectAsync("u");
        await Assert.ThrowsAsync<BackplaneRefusedException>(async () => await node.Router.SendToUserAsync("u", "from here", Cancellation));

        Assert.Equal("from here", await client.ReceiveTextAsync());
        var degraded = await HealthAsync(node);
        Assert.Equal(HealthStatus.Degraded, degraded.Status);
        Assert.Contains("user", degraded.Description);
        Assert.Contains(Words, degraded.Description);
        await Eventually.TrueAsync(() => backplane.Count($"subscribe {node.Hub.UserChannel("u")}") > 1, "it is asked for again");
        await Eventually.TrueAsync(() => Logged(node, 172) == 1, "it is logged");
        Assert.Equal(0, Logged(node, 170));

        backplane.FailureOf = null;
        await Eventually.TrueAsync(async () => (await HealthAsync(node)).Status == HealthStatus.Healthy, "the channel is allowed again");
        await other.Router.SendToUserAsync("u", "from elsewhere", Cancellation);
        Assert.Equal("from elsewhere", await client.ReceiveTextAsync());
        Assert.Equal(1, Logged(node, 172));
    }

    [Fact]
    public async Task Connect_UsersChannelRefused_LastConnectionGone_HealthIsWell()
    {
        var (node, backplane) = await StartAsync();
        await using var _ = node;
        Refuse(backplane, node.Hub.UserChannel("u"));
        await using (var client = await node.ConnectAsync("u"))
        {
            Assert.Equal(HealthStatus.Degraded, (await HealthAsync(node)).Status);
        }

        await Eventually.TrueAsync(async () => (await HealthAsync(node)).Status == HealthStatus.Healthy, "the channel is not needed any more");
    }

    [Fact]
    public async Task Channel_RefusedWhileSubscribed_HealthTellsAndTheLossIsReportedWhenItIsBack()
    {
        var (node, backplane) = await StartAsync();
        await using var _ = node;
        await using var client = await node.ConnectAsync("u");
        await node.Router.AddToGroupAsync(client.Id, "g", Cancellation);
        var channel = node.Hub.GroupChannel("g");

        Refuse(backplane, channel);
        backplane.Receiver.OnSubscriptionRefused(channel, new BackplaneRefusedException(Words));

        var degraded = await HealthAsync(node);
        Assert.Equal(HealthStatus.Degraded, degraded.Status);
        Assert.Contains("group", degraded.Description);
        backplane.FailureOf = null;
        await Eventually.TrueAsync(async () => (await HealthAsync(node)).Status == HealthStatus.Healthy, "the channel is allowed again");
        await Eventually.TrueAsync(() => Logged(node, 150) == 1, "the possible loss is reported");
    }

    private static void Refuse(FakeBackplane backplane, string refused) =>
        backplane.FailureOf = channel => channel == refused ? new BackplaneRefusedException($"The fake refused a subscription: {Words}.") : null;

    private static int Logged(AppNode node, int id) => node.Logs.GetSnapshot().Count(record => record.Id.Id == id);

    private static async Task<HealthReportEntry> HealthAsync(AppNode node) =>
        (await node.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Cancellation)).Entries.Values.Single();

    private async Task<(AppNode Node, FakeBackplane Backplane)> StartAsync()
    {
        var backplane = new FakeBackplane(_cluster);
        var node = await AppNode.StartAsync(_cluster, build: sockets =>
        {
            sockets.UseBackplane(_ => backplane);
            sockets.Services.AddHealthChecks().AddDistributedWebSockets();
        });
        return (node, backplane);
    }
}
