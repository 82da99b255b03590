using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Redis.Tests.Hosts;

/// <summary>Questions to clients of another node, and what is asked for of all connections of a user or hub, over Redis with sealed envelopes.</summary>
public sealed class QuestionTests(RedisFixture redis) : IClassFixture<RedisFixture>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AskAddAndDisconnect_ClientsOfAnotherNode_AreReached()
    {
        var prefix = $"questions-{Guid.NewGuid():N}";
        var key = Convert.ToBase64String(Guid.NewGuid().ToByteArray().Concat(Guid.NewGuid().ToByteArray()).ToArray());
        await using var sender = await StartAsync();
        await using var node = await StartAsync();
        await using var first = await node.ConnectAsync("ann");
        await using var second = await node.ConnectAsync("ann");

        var asking = sender.Router.AskAsync(first.Id, WebSocketMessage.Text, TimeSpan.FromSeconds(30), Cancellation).AsTask();
        var id = await first.ReceiveAsync();
        await first.SendAsync(id);
        Assert.Equal(id, (await asking.WithinGuardAsync()).GetText());

        await sender.Router.AddUserToGroupAsync("ann", "g", Cancellation);
        await Eventually.TrueAsync(
            async () => await sender.Store.CountAsync(SessionQuery.ForGroup(RedisNode.Hub, "g"), Cancellation) == 2, "both connections have joined");
        await sender.Router.SendToGroupAsync("g", "to the group", Cancellation);
        Assert.Equal("to the group", await first.ReceiveAsync());
        Assert.Equal("to the group", await second.ReceiveAsync());
        await sender.Router.RemoveUserFromGroupAsync("ann", "g", Cancellation);
        await Eventually.TrueAsync(
            async () => await sender.Store.CountAsync(SessionQuery.ForGroup(RedisNode.Hub, "g"), Cancellation) == 0, "both connections have left");

        asking = sender.Router.AskAsync(second.Id, WebSocketMessage.Text, TimeSpan.FromSeconds(30), Cancellation).AsTask();
        Assert.NotEmpty(await second.ReceiveAsync());
        await sender.Router.DisconnectAllAsync(cancellationToken: Cancellation);
        Assert.Equal(AskFailure.ClientGone, (await Assert.ThrowsAsync<AskFailedException>(() => asking.WithinGuardAsync())).Failure);
        Assert.Equal("", await first.ReceiveAsync());
        Assert.Equal("", await second.ReceiveAsync());

        Task<RedisNode> StartAsync() => RedisNode.StartAsync(
            sockets => sockets.UseRedis(redis.EndPoint).AddHub(RedisNode.Hub, static hub => hub.AnswerMatcher = static message => message.GetText()), prefix, envelopeKey: key);
    }
}
