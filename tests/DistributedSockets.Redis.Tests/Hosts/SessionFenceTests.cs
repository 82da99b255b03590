using System.Collections.Concurrent;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Redis.Tests.Hosts;

/// <summary>What a handler sends on behalf of a session that another node has taken meanwhile, over Redis.</summary>
public sealed class SessionFenceTests(RedisFixture redis) : IClassFixture<RedisFixture>
{
    private readonly string _prefix = $"fence-{Guid.NewGuid():N}";
    private readonly ConcurrentDictionary<string, RedisNode> _nodes = new();
    private readonly ConcurrentQueue<Exception?> _sent = new();
    private readonly TaskCompletionSource _handlerMayGoOn = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Send_OfAHandlerWhoseSessionAnotherNodeHasTaken_IsRefusedByRedisAndReachesNobody()
    {
        await using var stale = await StartAsync();
        await using var node = await StartAsync();
        await using var witness = await ResumingClient.ConnectAsync(node);
        await node.Router.AddToGroupAsync(witness.Id, "red", Cancellation);
        await using var client = await ResumingClient.ConnectAsync(stale);
        await client.SendAsync("m 1\nin time");
        Assert.Equal("a 1\n", await client.ReceiveAsync());
        await client.SendAsync("m 2\nlate");
        Assert.Equal("u\nbegun", await client.ReceiveAsync());

        await using var again = await ResumingClient.ConnectAsync(node, client);
        Assert.Equal(client.Id, again.Id);
        _handlerMayGoOn.SetResult();

        await Eventually.TrueAsync(() => _sent.Count == 2, "the handler has tried to send");
        Assert.Equal([null, typeof(StaleFenceException)], _sent.Select(static exception => exception?.GetType()));
        await again.SendAsync("m 2\nin time");
        Assert.Equal("a 2\n", await again.ReceiveAsync());
        Assert.Equal(["m 1\nin time", "m 2\nin time"], [await witness.ReceiveAsync(), await witness.ReceiveAsync()]);
    }

    private async Task<RedisNode> StartAsync()
    {
        var node = await RedisNode.StartAsync(
            sockets => sockets.UseRedis(redis.EndPoint)
                .AddHub(RedisNode.Hub, static hub => hub.EnableResume = true)
                .Services.Configure<DistributedWebSocketsOptions>(static options => options.RemoteCommandTimeout = TimeSpan.FromSeconds(1)), // half of it for a handler
            _prefix,
            HandleAsync);
        _nodes[node.Info.NodeId] = node;
        return node;
    }

    private async ValueTask HandleAsync(WebSocketConnection connection, WebSocketMessage message, CancellationToken cancellationToken)
    {
        if (message.GetText() == "late")
        {
            await connection.SendAsync("begun", cancellationToken);
            await _handlerMayGoOn.Task;
        }

        try
        {
            var options = new SendOptions { IsLogged = true, OnBehalfOf = connection };
            await _nodes[connection.NodeId].Router.SendAsync(WebSocketTarget.Group("red"), message, options, CancellationToken.None);
            _sent.Enqueue(null);
        }
        catch (Exception exception)
        {
            _sent.Enqueue(exception);
            throw;
        }
    }
}
