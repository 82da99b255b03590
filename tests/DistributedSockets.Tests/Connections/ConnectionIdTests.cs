using System.Buffers.Binary;
using System.Buffers.Text;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>A connection id is an address: hard to guess, and of no use to a client that knows it.</summary>
public sealed class ConnectionIdTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Create_Many_AreRandomInAll128Bits()
    {
        const int Count = 40_000;
        const string Node = "node-a234567";
        var seen = new HashSet<UInt128>();
        var (ones, flips) = (new int[128], new int[128]);
        UInt128 previous = default;
        for (var i = 0; i < Count; i++)
        {
            var id = ConnectionId.Create(Node);
            Assert.StartsWith(Node + ".", id);
            Assert.Equal(Node, ConnectionId.NodeOf(id));
            var random = Base64Url.DecodeFromChars(id.AsSpan(Node.Length + 1));
            Assert.Equal(16, random.Length);
            var bits = BinaryPrimitives.ReadUInt128BigEndian(random);
            Assert.True(seen.Add(bits));
            Tally(ones, bits);
            Tally(flips, bits ^ previous); // against the one before: neither counted up, nor drawn from a small state
            previous = bits;
        }

        // Fair coins: half, with a standard deviation of 100. Seven of these happen once in more than 10^9 runs, for all 256 counts together.
        Assert.All(ones.Concat(flips), count => Assert.InRange(count, (Count / 2) - 700, (Count / 2) + 700));

        static void Tally(int[] counts, UInt128 bits)
        {
            for (var i = 0; i < counts.Length; i++)
            {
                counts[i] += (int)((bits >> i) & 1);
            }
        }
    }

    [Fact]
    public async Task Client_SaysItIsAnotherConnection_GetsAnIdOfItsOwnAndNothingOfTheOthers()
    {
        await using var node = await AppNode.StartAsync(options: options => options.SubProtocols.Add("v1"));
        await using var victim = await node.ConnectAsync("ann");
        await node.Router.AddToGroupAsync(victim.Id, "g", Cancellation);
        var id = Uri.EscapeDataString(victim.Id);
        var query = $"/chat?id={id}&connectionId={id}&connection_id={id}&connectionToken={id}&access_token={id}&session={id}&resume={id}";

        await using var impostor = await TestClient.ConnectAsync(node.Address, query, options =>
        {
            foreach (var header in (string[])["Connection-Id", "X-Connection-Id", "X-Session-Id", "Authorization", "Last-Event-ID", "X-Request-Id"])
            {
                options.SetRequestHeader(header, victim.Id);
            }

            options.SetRequestHeader("Cookie", $"connectionId={victim.Id}; id={victim.Id}");
            options.AddSubProtocol(victim.Id);
            options.AddSubProtocol("v1");
        });
        Assert.NotEqual(victim.Id, impostor.Id);
        Assert.Null(node.Probe.Connections[impostor.Id].UserId);
        foreach (var text in (string[])[victim.Id, $$"""{"type":"connect","connectionId":"{{victim.Id}}"}""", $"\u0001{victim.Id}"])
        {
            await impostor.SendAsync(text);
            Assert.Equal(text, await impostor.ReceiveTextAsync()); // the handler's echo: the library made nothing of it
        }

        await node.Router.SendToConnectionAsync(victim.Id, "connection", Cancellation);
        await node.Router.SendToUserAsync("ann", "user", Cancellation);
        await node.Router.SendToGroupAsync("g", "group", Cancellation);
        await node.Router.SendToAllAsync("fence", Cancellation);

        Assert.Equal("connection", await victim.ReceiveTextAsync());
        Assert.Equal("user", await victim.ReceiveTextAsync());
        Assert.Equal("group", await victim.ReceiveTextAsync());
        Assert.Equal("fence", await victim.ReceiveTextAsync());
        Assert.Equal("fence", await impostor.ReceiveTextAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Router_IdOfAnotherHub_IsRefused(bool onThisNode)
    {
        var cluster = new InMemoryCluster();
        await using var here = await StartAsync(cluster);
        await using var there = await StartAsync(cluster);
        await using var other = await here.ConnectAsync(path: "/other");
        await using var own = await here.ConnectAsync();
        var router = (onThisNode ? here : there).Router;

        await Assert.ThrowsAsync<ConnectionNotFoundException>(async () => await router.AddToGroupAsync(other.Id, "g", Cancellation));
        await Assert.ThrowsAsync<ConnectionNotFoundException>(async () => await router.RemoveFromGroupAsync(other.Id, "g", Cancellation));
        await Assert.ThrowsAsync<ConnectionNotFoundException>(async () => await router.DisconnectAsync(other.Id, cancellationToken: Cancellation));
        await router.SendToConnectionAsync(other.Id, "not for it", Cancellation);
        await router.SendToGroupAsync("g", "not for it", Cancellation);
        await router.SendToConnectionAsync(own.Id, "fence", Cancellation);
        Assert.Equal("fence", await own.ReceiveTextAsync());
        await (onThisNode ? here : there).Services.GetRequiredService<IWebSocketRouterFactory>().GetRouter("other-hub")
            .SendToConnectionAsync(other.Id, "for it", Cancellation);

        Assert.Equal("for it", await other.ReceiveTextAsync());
    }

    [Fact]
    public async Task Router_IdThatDiffersInOneCharacter_IsRefused()
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync();
        var last = client.Id[^1];

        // The last character carries two bits only, so that several texts stand for the same bytes; only one of them is the id.
        var others = "AQgwBCDEFGHIJKLMNOPRSTUVWXYZabcdef0123456789-_".Where(c => c != last).Select(c => client.Id[..^1] + c)
            .Append(client.Id + "A").Append(client.Id + "=").Append(client.Id[..^1]).Append(client.Id.ToUpperInvariant()).Append(" " + client.Id);
        foreach (var id in others)
        {
            await Assert.ThrowsAsync<ConnectionNotFoundException>(async () => await node.Router.DisconnectAsync(id, cancellationToken: Cancellation));
        }

        await client.SendAsync("still there");
        Assert.Equal("still there", await client.ReceiveTextAsync());
    }

    private static Task<AppNode> StartAsync(InMemoryCluster cluster) =>
        AppNode.StartAsync(cluster, map: app => app.MapDistributedWebSocket<OtherHandler>("/other"));

    [WebSocketHub("other-hub")]
    private sealed class OtherHandler : WebSocketHandler
    {
        public override ValueTask OnConnectedAsync(CancellationToken cancellationToken) =>
            Connection.SendAsync(WebSocketMessage.Text(Connection.Id), cancellationToken);
    }
}
