using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace DistributedSockets.Tests;

/// <summary>Messages that are compressed once and reach every connection of the cluster that takes them so.</summary>
public sealed class CompressionTests
{
    private const string Offer = "permessage-deflate; client_max_window_bits";
    private const string SmallWindow = "permessage-deflate; server_max_window_bits=10";

    private static readonly string s_text = string.Concat(Enumerable.Range(0, 200).Select(i => $"{{\"i\":{i},\"name\":\"item\"}}"));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Send_ToTwoNodes_GivesTheSameCompressedBytesToAllWhoTakeThemAndPlainOnesToTheRest()
    {
        var cluster = new InMemoryCluster();
        await using var near = await StartAsync(cluster);
        await using var far = await StartAsync(cluster);
        using var nearDeflate = await ConnectAsync(near, Offer);
        using var farDeflate = await ConnectAsync(far, Offer);
        using var nearPlain = await ConnectAsync(near, null);
        using var farPlain = await ConnectAsync(far, null);
        using var farSmallWindow = await ConnectAsync(far, SmallWindow);
        Assert.Contains("server_max_window_bits=10", farSmallWindow.Handshake);
        var large = string.Concat(Enumerable.Range(0, 20_000).Select(i => $"{i},"));
        var noise = new byte[1_000];
        new Random(1).NextBytes(noise);

        (WebSocketMessage Message, int First)[] sends =
        [
            (WebSocketMessage.Text(s_text), 0xC1),
            (WebSocketMessage.Binary(Encoding.UTF8.GetBytes(large)), 0xC2),
            (WebSocketMessage.Text(large), 0xC1),
            (WebSocketMessage.Text("short"), 0x81),
            (WebSocketMessage.Binary(noise), 0x82),
        ];
        foreach (var (message, first) in sends)
        {
            await near.Router.SendAsync(WebSocketTarget.All, message, Cancellation);
            var payload = message.Data.ToArray();
            foreach (var client in new[] { nearPlain, farPlain, farSmallWindow })
            {
                var plain = await client.ReadAnyFrameAsync();
                Assert.Equal(first & ~0x40, plain.First);
                Assert.Equal(payload, plain.Payload);
            }

            var (there, here) = (await farDeflate.ReadAnyFrameAsync(), await nearDeflate.ReadAnyFrameAsync());
            Assert.Equal((first, first), (here.First, there.First));
            Assert.Equal(here.Payload, there.Payload);
            Assert.Equal(payload, (first & 0x40) == 0 ? here.Payload : Inflated.Payload(here.Payload));
        }
    }

    [Fact]
    public async Task Send_ByANodeWithoutCompression_IsPlainEverywhere()
    {
        var cluster = new InMemoryCluster();
        await using var sender = await AppNode.StartAsync(cluster);
        await using var receiver = await StartAsync(cluster);
        using var client = await ConnectAsync(receiver, Offer);

        await sender.Router.SendToAllAsync(s_text, Cancellation);

        Assert.Equal(s_text, Encoding.UTF8.GetString((await client.ReadFrameAsync()).Payload));
    }

    [Fact]
    public async Task Send_ToANodeWithoutCompression_IsPlainThere()
    {
        var cluster = new InMemoryCluster();
        await using var sender = await StartAsync(cluster);
        await using var receiver = await AppNode.StartAsync(cluster);
        using var client = await ConnectAsync(receiver, Offer);
        Assert.DoesNotContain("permessage-deflate", client.Handshake);

        await sender.Router.SendToAllAsync(s_text, Cancellation);

        Assert.Equal(s_text, Encoding.UTF8.GetString((await client.ReadFrameAsync()).Payload));
    }

    [Fact]
    public async Task Send_ToOneConnection_IsCompressedIfThatTakesIt()
    {
        await using var node = await StartAsync(new());
        using var deflate = await ConnectAsync(node, Offer);
        using var plain = await ConnectAsync(node, null);
        using var smallWindow = await ConnectAsync(node, SmallWindow);
        foreach (var (client, first) in new[] { (deflate, 0xC1), (plain, 0x81), (smallWindow, 0x81) })
        {
            await client.WriteFrameAsync(0x1, "id"u8.ToArray());
            var id = Encoding.UTF8.GetString((await client.ReadFrameAsync()).Payload);

            await node.Router.SendToConnectionAsync(id, s_text, Cancellation);
            await node.Probe.Connections[id].SendAsync(s_text, Cancellation);

            for (var i = 0; i < 2; i++)
            {
                var frame = await client.ReadAnyFrameAsync();
                Assert.Equal(first, frame.First);
                Assert.Equal(s_text, Encoding.UTF8.GetString(first == 0xC1 ? Inflated.Payload(frame.Payload) : frame.Payload));
            }
        }
    }

    [Theory]
    [InlineData(HttpProtocols.Http1)]
    [InlineData(HttpProtocols.Http2)]
    public async Task Send_BothDirectionsCompressed_ArriveInOrder(HttpProtocols protocols)
    {
        var cluster = new InMemoryCluster();
        await using var node = await StartAsync(cluster, protocols);
        await using var other = await StartAsync(cluster);
        await using var client = await node.ConnectAsync(options: options =>
        {
            options.DangerousDeflateOptions = new();
            if (protocols == HttpProtocols.Http2)
            {
                options.HttpVersion = System.Net.HttpVersion.Version20;
                options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
            }
        });
        Assert.True(node.Hub.Find(client.Id)!.Queue.TakesDeflated);
        for (var i = 0; i < 20; i++)
        {
            await client.SendAsync($"{i} {s_text}");
            Assert.Equal($"{i} {s_text}", await client.ReceiveTextAsync());
            await other.Router.SendToAllAsync($"{i} {s_text}", Cancellation);
            await other.Router.SendToAllAsync($"{i}", Cancellation);
            Assert.Equal($"{i} {s_text}", await client.ReceiveTextAsync());
            Assert.Equal($"{i}", await client.ReceiveTextAsync());
        }
    }

    [Fact]
    public async Task Send_OnATestHostWithoutTransport_IsPlainAndArrives()
    {
        using var host = await new HostBuilder().ConfigureWebHost(web => web.UseTestServer()
            .ConfigureServices(services =>
            {
                services.AddRouting().AddSingleton<ProbeLog>();
                services.AddDistributedWebSockets(options => options.EnableCompression = true);
            })
            .Configure(app => app.UseRouting().UseEndpoints(endpoints => endpoints.MapDistributedWebSocket<ProbeHandler>("/chat")))).StartAsync(Cancellation);
        var clients = host.GetTestServer().CreateWebSocketClient();
        clients.ConfigureRequest = request => request.Headers.SecWebSocketExtensions = Offer;
        using var socket = await clients.ConnectAsync(new("ws://localhost/chat"), Cancellation);
        var buffer = new byte[s_text.Length];
        await socket.ReceiveAsync(buffer, Cancellation).WithinGuardAsync();

        await host.Services.GetRequiredService<IWebSocketRouter<ProbeHandler>>().SendToAllAsync(s_text, Cancellation);

        var received = await socket.ReceiveAsync(buffer, Cancellation).WithinGuardAsync();
        Assert.Equal(s_text, Encoding.UTF8.GetString(buffer, 0, received.Count));
    }

    /// <summary>A node on which a message <c>id</c> is answered with the connection's id.</summary>
    private static async Task<AppNode> StartAsync(InMemoryCluster cluster, HttpProtocols protocols = HttpProtocols.Http1)
    {
        var node = await AppNode.StartAsync(cluster, options => options.EnableCompression = true, protocols: protocols);
        node.Probe.OnMessage = static (connection, message, token) =>
            message.GetText() == "id" ? connection.SendAsync(connection.Id, token) : connection.SendAsync(message, token);
        return node;
    }

    private static async Task<RawClient> ConnectAsync(AppNode node, string? extensions)
    {
        var client = await RawClient.ConnectAsync(node.Address, "/chat", extensions);
        await client.ReadFrameAsync(); // its id
        return client;
    }
}
