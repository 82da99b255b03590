using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Hosts;

/// <summary>A node whose link to Redis is cut while it goes on serving its clients.</summary>
public sealed class CutOffNodeTests(RedisFixture redis) : IClassFixture<RedisFixture>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Command_NodeOfTheConnectionIsCutOff_IsNeverNotFound()
    {
        var prefix = $"cut-{Guid.NewGuid():N}";
        var port = int.Parse(redis.EndPoint.Split(':')[^1], System.Globalization.CultureInfo.InvariantCulture);
        await using var link = new CuttableLink();
        link.Open(port);
        await using var here = await RedisNode.StartAsync(redis.EndPoint, prefix);
        await using var there = await RedisNode.StartAsync($"127.0.0.1:{link.Port}", prefix);
        await using var client = await there.ConnectAsync();
        await here.Router.AddToGroupAsync(client.Id, "before", Cancellation);
        await Eventually.TrueAsync(async () => await here.Store.FindAsync(RedisNode.Hub, client.Id, Cancellation) is not null, "the session is stored");

        await link.CutAsync();
        await Eventually.TrueAsync(
            async () =>
            {
                var failure = await Record.ExceptionAsync(async () => await here.Router.AddToGroupAsync(client.Id, "during", Cancellation));
                Assert.True(failure is BackplaneUnavailableException or RemoteCommandTimeoutException, $"{failure}");
                return failure.Message.Contains("does not listen", StringComparison.Ordinal);
            },
            "Redis has noticed that the node does not listen");
        await client.SendAsync("served"); // its connection lives
        Assert.Equal("served", await client.ReceiveAsync());

        link.Restore(port);
        await there.HealthyAsync();
        await here.Router.AddToGroupAsync(client.Id, "after", Cancellation);
        await here.Router.SendToGroupAsync("during", "not joined", Cancellation);
        await here.Router.SendToGroupAsync("after", "joined", Cancellation);
        Assert.Equal("joined", await client.ReceiveAsync());
    }

    [Fact]
    public async Task Send_NodeOfTheConnectionIsCutOff_SaysNoSubscriberSeenAndNeverNotFound()
    {
        var prefix = $"cut-{Guid.NewGuid():N}";
        var port = int.Parse(redis.EndPoint.Split(':')[^1], System.Globalization.CultureInfo.InvariantCulture);
        await using var link = new CuttableLink();
        link.Open(port);
        await using var here = await RedisNode.StartAsync(redis.EndPoint, prefix);
        await using var there = await RedisNode.StartAsync($"127.0.0.1:{link.Port}", prefix);
        await using var near = await here.ConnectAsync("near");
        await using var far = await there.ConnectAsync("far");
        Assert.Equal((1, OtherNodesOutcome.NoSubscriberSeen), await SendAsync("near")); // Redis counts this node's own subscription, too
        Assert.Equal((0, OtherNodesOutcome.Taken), await SendAsync("far"));
        Assert.Equal(ConfirmedSendOutcome.Queued, await ConfirmAsync(far.Id));
        Assert.Equal(ConfirmedSendOutcome.NotFound, await ConfirmAsync($"{far.Id[..^1]}!"));
        await Eventually.TrueAsync(async () => await here.Store.FindAsync(RedisNode.Hub, far.Id, Cancellation) is not null, "the session is stored");

        await link.CutAsync();
        await Eventually.TrueAsync(async () => await SendAsync("far") == (0, OtherNodesOutcome.NoSubscriberSeen), "Redis has noticed that the node does not listen");
        var failure = await Assert.ThrowsAsync<BackplaneUnavailableException>(() => ConfirmAsync(far.Id)); // not "not found": it lives
        Assert.Contains("does not listen", failure.Message);

        link.Restore(port);
        await there.HealthyAsync();
        Assert.Equal((0, OtherNodesOutcome.Taken), await SendAsync("far"));
        Assert.Equal(ConfirmedSendOutcome.Queued, await ConfirmAsync(far.Id));

        async Task<(int?, OtherNodesOutcome)> SendAsync(string user)
        {
            var result = await here.Router.SendAsync(WebSocketTarget.User(user), WebSocketMessage.Text("x"), default, Cancellation);
            return (result.QueuedHere, result.OtherNodes);
        }

        Task<ConfirmedSendOutcome> ConfirmAsync(string id) => here.Router.SendConfirmedAsync(id, WebSocketMessage.Text("x"), default, Cancellation).AsTask();
    }

    [Fact]
    public async Task Command_NodeHasSignedOff_IsNotFoundAtOnce()
    {
        var prefix = $"cut-{Guid.NewGuid():N}";
        await using var here = await RedisNode.StartAsync(redis.EndPoint, prefix);
        string id;
        await using (var there = await RedisNode.StartAsync(redis.EndPoint, prefix))
        {
            await using var client = await there.ConnectAsync();
            id = client.Id;
        }

        await Assert.ThrowsAsync<ConnectionNotFoundException>(async () => await here.Router.AddToGroupAsync(id, "g", Cancellation));
    }
}
