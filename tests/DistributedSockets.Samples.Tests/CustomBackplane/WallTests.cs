using System.Net.WebSockets;
using System.Text;
using CustomBackplane;
using CustomBackplane.Tests;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Samples.Tests.CustomBackplane;

/// <summary>The sample itself: what one page writes, pages of both nodes show.</summary>
public sealed class WallTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Wall_TwoNodes_LinesAndCommandsCrossBetweenThem()
    {
        var sessions = new InMemoryCluster();
        await using var first = await StartNodeAsync(sessions);
        await using var second = await StartNodeAsync(sessions);
        using var alice = await ConnectAsync(first);
        using var bob = await ConnectAsync(second);
        Assert.Equal("You are on node-0.", await ReceiveAsync(alice));
        Assert.Equal("You are on node-0.", await ReceiveAsync(bob));

        var line = new string('x', 10_000); // too long for a notification
        await alice.SendAsync(Encoding.UTF8.GetBytes(line), WebSocketMessageType.Text, true, Cancellation);
        await alice.SendAsync("short"u8.ToArray(), WebSocketMessageType.Text, true, Cancellation);
        foreach (var client in new[] { alice, bob })
        {
            Assert.Equal($"node-0: {line}", await ReceiveAsync(client));
            Assert.Equal("node-0: short", await ReceiveAsync(client));
        }

        // Nobody counts receivers here, so the session store, which both nodes share, tells whether a connection's node lives.
        var router = first.Services.GetRequiredService<IWebSocketRouterFactory>().GetRouter("wall");
        var elsewhere = Assert.Single(await ListAsync(second));
        await router.AddToGroupAsync(elsewhere.ConnectionId, "painters", Cancellation);
        await router.SendToGroupAsync("painters", "for painters", Cancellation);
        Assert.Equal("for painters", await ReceiveAsync(bob));
        await Assert.ThrowsAsync<ConnectionNotFoundException>(
            async () => await router.AddToGroupAsync($"{Guid.NewGuid():N}.{new string('A', 22)}", "painters", Cancellation));
    }

    private static async Task<List<Session>> ListAsync(WebApplication node)
    {
        var nodeId = node.Services.GetRequiredService<NodeInfo>().NodeId;
        var list = new List<Session>();
        await Eventually.TrueAsync(
            async () =>
            {
                list.Clear();
                await foreach (var session in node.Services.GetRequiredService<ISessionStore>().ListAsync(SessionQuery.ForNode(nodeId, "wall"), Cancellation))
                {
                    list.Add(session);
                }

                return list.Count > 0;
            },
            "the session is written");
        return list;
    }

    private static async Task<ClientWebSocket> ConnectAsync(WebApplication node)
    {
        var client = new ClientWebSocket();
        await client.ConnectAsync(new Uri(node.Urls.Single().Replace("http", "ws", StringComparison.Ordinal) + "/wall"), Cancellation).WithinGuardAsync();
        return client;
    }

    private static async Task<string> ReceiveAsync(ClientWebSocket client)
    {
        var buffer = new byte[16 * 1024];
        var length = 0;
        while (true)
        {
            var result = await client.ReceiveAsync(buffer.AsMemory(length), Cancellation).WithinGuardAsync();
            length += result.Count;
            if (result.EndOfMessage)
            {
                return Encoding.UTF8.GetString(buffer, 0, length);
            }
        }
    }

    private async Task<WebApplication> StartNodeAsync(InMemoryCluster sessions)
    {
        var node = WallNode.Create(0, database.ConnectionString, sessions);
        await node.StartAsync(Cancellation);
        return node;
    }
}
