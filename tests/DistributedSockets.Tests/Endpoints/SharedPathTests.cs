using System.Net;
using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.FileProviders;

namespace DistributedSockets.Tests;

/// <summary>Another endpoint at the path of connections: handshakes go to the one, all other requests to the other.</summary>
public sealed class SharedPathTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<HttpProtocols, string> Others { get; } = new MatrixTheoryData<HttpProtocols, string>(
        [HttpProtocols.Http1, HttpProtocols.Http2], ["same", "any method", "parameter", "fallback", "first"]);

    [Theory]
    [MemberData(nameof(Others))]
    public async Task OtherEndpoint_AtTheSamePath_GetsAllButHandshakes(HttpProtocols protocols, string other)
    {
        await using var node = await AppNode.StartAsync(
            protocols: protocols,
            front: app =>
            {
                if (other == "first")
                {
                    app.MapGet("/chat", static () => "page");
                }
            },
            map: app =>
            {
                switch (other)
                {
                    case "same":
                        app.MapGet("/chat", static () => "page");
                        break;
                    case "any method":
                        app.Map("/chat", static () => "page");
                        break;
                    case "parameter":
                        app.MapGet("/{name}", static () => "page");
                        break;
                    case "fallback":
                        app.MapFallback(static () => "page");
                        break;
                }
            });
        using var http = Http(node, protocols);

        Assert.Equal("page", await http.GetStringAsync("/chat", Cancellation));
        await using var client = await node.ConnectAsync(options: options => Use(options, protocols));
        await client.SendAsync("over the same path");
        Assert.Equal("over the same path", await client.ReceiveTextAsync());
        Assert.Equal("page", await http.GetStringAsync("/chat", Cancellation));
    }

    [Fact]
    public async Task MoreSpecificEndpoint_GetsEvenHandshakes()
    {
        await using var node = await AppNode.StartAsync(map: app =>
        {
            app.MapDistributedWebSocket("/{room}", static (_, _, _, _) => ValueTask.CompletedTask, "rooms");
            app.MapGet("/raw", static (HttpContext context) => "raw");
        });
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;

        await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, "/raw"), Cancellation));

        Assert.Equal(HttpStatusCode.OK, socket.HttpStatusCode);
        using var other = new ClientWebSocket();
        await other.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, "/blue"), Cancellation);
    }

    [Theory]
    [InlineData("websocket", "8", HttpStatusCode.UpgradeRequired)]
    [InlineData("h2c, WebSocket", "13", HttpStatusCode.BadRequest)] // without a key
    [InlineData("h2c", "13", HttpStatusCode.OK)]
    public async Task WrongHandshake_AtASharedPath_IsRefusedByTheEndpointOfConnections(string upgrade, string version, HttpStatusCode status)
    {
        await using var node = await AppNode.StartAsync(map: static app => app.MapGet("/chat", static () => "page"));
        using var http = Http(node, HttpProtocols.Http1);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/chat");
        request.Headers.Connection.Add("Upgrade");
        request.Headers.TryAddWithoutValidation("Upgrade", upgrade);
        request.Headers.Add("Sec-WebSocket-Version", version);

        using var response = await http.SendAsync(request, Cancellation);

        Assert.Equal(status, response.StatusCode);
    }

    [Fact]
    public async Task Root_OfASinglePageApp_IsPageAndConnections()
    {
        var directory = Directory.CreateTempSubdirectory("files-").FullName;
        await File.WriteAllTextAsync(Path.Combine(directory, "index.html"), "page", Cancellation);
        var files = new StaticFileOptions { FileProvider = new PhysicalFileProvider(directory) };
        await using var node = await AppNode.StartAsync(map: app =>
        {
            app.UseStaticFiles(files);
            app.MapDistributedWebSocket("/", static (connection, message, _, token) => connection.SendAsync(message, token), "root");
            app.MapFallbackToFile("index.html", files);
        });
        using var http = Http(node, HttpProtocols.Http1);

        Assert.Equal("page", await http.GetStringAsync("/", Cancellation));
        Assert.Equal("page", await http.GetStringAsync("/any/where", Cancellation));
        await using var client = await TestClient.ConnectAsync(node.Address, "/", readId: false);
        await client.SendAsync("at the root");
        Assert.Equal("at the root", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task CachedPage_AtASharedPath_DoesNotAnswerHandshakes()
    {
        var asked = 0;
        await using var node = await AppNode.StartAsync(
            build: static sockets => sockets.Services.AddResponseCaching().AddOutputCache(static cache => cache.AddBasePolicy(static policy => policy.Cache())),
            map: app =>
            {
                app.UseResponseCaching();
                app.UseOutputCache();
                app.MapGet("/chat", (HttpContext context) =>
                {
                    context.Response.Headers.CacheControl = "public, max-age=600";
                    return $"page {++asked}";
                });
            });
        using var http = Http(node, HttpProtocols.Http1);

        Assert.Equal("page 1", await http.GetStringAsync("/chat", Cancellation));
        await using var client = await node.ConnectAsync();
        await using var second = await node.ConnectAsync();
        Assert.Equal("page 1", await http.GetStringAsync("/chat", Cancellation));
    }

    private static HttpClient Http(AppNode node, HttpProtocols protocols) => new()
    {
        BaseAddress = node.Address,
        DefaultRequestVersion = protocols == HttpProtocols.Http2 ? new(2, 0) : new(1, 1),
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    private static void Use(ClientWebSocketOptions options, HttpProtocols protocols)
    {
        options.HttpVersion = protocols == HttpProtocols.Http2 ? new(2, 0) : new(1, 1);
        options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
    }
}
