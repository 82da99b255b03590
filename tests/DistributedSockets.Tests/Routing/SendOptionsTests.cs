using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>What a send asks for is heeded at every node.</summary>
public sealed class SendOptionsTests
{
    private const int Megabyte = 1_000_000;
    private const int Megabytes = 15; // more than the kernel takes for a client that does not read

    private readonly InMemoryCluster _cluster = new();
    private readonly FakeTimeProvider _time = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(WebSocketTargetKind.All, true)]
    [InlineData(WebSocketTargetKind.All, false)]
    [InlineData(WebSocketTargetKind.Users, false)]
    [InlineData(WebSocketTargetKind.Groups, false)]
    [InlineData(WebSocketTargetKind.Connections, true)]
    [InlineData(WebSocketTargetKind.Connections, false)]
    public async Task Send_ReaderIsSlow_WhatIsTooLateOrReplacedIsNotWrittenThere(WebSocketTargetKind kind, bool local)
    {
        await using var here = await StartAsync();
        await using var there = await StartAsync();
        var node = local ? here : there;
        await using var client = await node.ConnectAsync("u");
        await node.Router.AddToGroupAsync(client.Id, "g", Cancellation);
        using var dropped = new MetricSum(node, "distributed_sockets.dropped_frames");
        WebSocketTarget[] targets = kind switch
        {
            WebSocketTargetKind.All => [WebSocketTarget.All, WebSocketTarget.All],
            WebSocketTargetKind.Users => [WebSocketTarget.User("u"), WebSocketTarget.Users(["u", "w"])],
            WebSocketTargetKind.Groups => [WebSocketTarget.Group("g"), WebSocketTarget.Groups(["g", "h"])],
            _ => [WebSocketTarget.Connection(client.Id), WebSocketTarget.Connections([client.Id, $"{client.Id}x"])],
        };
        for (var i = 0; i < Megabytes; i++)
        {
            await here.Router.SendToConnectionAsync(client.Id, new byte[Megabyte], Cancellation);
        }

        await SendAsync("late", new() { TimeToLive = TimeSpan.FromSeconds(1) });
        await SendAsync("price 1", new() { ConflationKey = "price" });
        await SendAsync("other price", new() { ConflationKey = "Price" });
        await SendAsync("plain", default);
        await SendAsync("price 2", new() { ConflationKey = "price", TimeToLive = TimeSpan.FromSeconds(10) });
        _time.Advance(TimeSpan.FromSeconds(1));

        for (var i = 0; i < Megabytes; i++)
        {
            Assert.Equal(Megabyte, (await client.ReceiveAsync()).Data.Length);
        }

        await here.Router.SendToConnectionAsync(client.Id, "end", Cancellation);
        foreach (var expected in (string[])["other price", "plain", "plain", "price 2", "end"])
        {
            Assert.Equal(expected, await client.ReceiveTextAsync());
        }

        Assert.Equal((2, 4), (dropped.Of("expired"), dropped.Of("conflated")));

        async Task SendAsync(string text, SendOptions options)
        {
            foreach (var target in targets)
            {
                await here.Router.SendAsync(target, WebSocketMessage.Text(text), options, Cancellation);
            }
        }
    }

    private Task<AppNode> StartAsync() => AppNode.StartAsync(_cluster, build: sockets => sockets.Services.AddSingleton<TimeProvider>(_time));
}
