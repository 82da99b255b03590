using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.HttpLogging;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Moq;

namespace DistributedSockets.Tests;

/// <summary>Each middleware of the platform in front of connections: it leaves them alone, and still does its work for the rest of the app.</summary>
public sealed class MiddlewareTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, HttpProtocols> Rows { get; } =
        new MatrixTheoryData<string, HttpProtocols>(MiddlewareTable.Rows.Keys, [HttpProtocols.Http1, HttpProtocols.Http2]);

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Connections_BehindMiddleware_LiveAsWithoutItAndTheAppHasItsUse(string middleware, HttpProtocols protocols)
    {
        var row = MiddlewareTable.Rows[middleware];
        await using var node = await AppNode.StartAsync(
            build: sockets => row.Services(sockets.Services),
            front: row.Front,
            map: app =>
            {
                row.Use(app);
                MiddlewarePages.Map(app);
            },
            protocols: protocols);
        using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false, AutomaticDecompression = DecompressionMethods.None })
        {
            BaseAddress = node.Address,
            DefaultRequestVersion = protocols == HttpProtocols.Http2 ? new(2, 0) : new(1, 1),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        await using var client = await node.ConnectAsync(path: row.Path, options: Options);
        await using var other = await node.ConnectAsync(path: row.Path, options: Options); // at the same time: nothing queues them up

        await EchoAsync(client, 60_000);
        await row.Outlast(node, http);
        await EchoAsync(client, 60_000);
        await EchoAsync(other, 10);
        await node.Router.SendToAllAsync("to all", Cancellation);
        Assert.Equal("to all", await client.ReceiveTextAsync());
        await client.Socket.CloseAsync((WebSocketCloseStatus)4_000, "bye", Cancellation).WithinGuardAsync();

        var reason = await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync();
        Assert.Equal((DisconnectKind.ClosedByClient, (WebSocketCloseStatus?)4_000), (reason.Kind, reason.CloseStatus));
        Assert.Equal((WebSocketCloseStatus)4_000, client.Socket.CloseStatus);
        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Level >= (record.Category!.StartsWith("DistributedSockets", StringComparison.Ordinal) ? LogLevel.Warning : LogLevel.Error));
        await row.Check(node, http);

        void Options(ClientWebSocketOptions options)
        {
            options.HttpVersion = http.DefaultRequestVersion;
            options.HttpVersionPolicy = http.DefaultVersionPolicy;
            foreach (var (name, value) in row.Headers)
            {
                options.SetRequestHeader(name, value);
            }
        }
    }

    [Fact]
    public async Task SlowReader_BehindMiddlewareThatWrapsTheUpgrade_IsHeldAsLongAsItsQueue()
    {
        const int Frames = 12;
        await using var node = await AppNode.StartAsync(
            options: static options => options.KeepAliveTimeout = TimeSpan.FromHours(1), // the client answers no ping before it reads
            build: static sockets =>
            {
                sockets.Services.AddHttpLogging(static logging => logging.LoggingFields = HttpLoggingFields.All);
                sockets.Services.Configure<KestrelServerOptions>(
                    static kestrel => kestrel.Limits.MinResponseDataRate = new(1_000_000_000, TimeSpan.FromSeconds(1.001)));
            },
            map: static app =>
            {
                app.UseHttpLogging();
                app.MapGet("/big", static () => Results.Bytes(new byte[32 << 20]));
            });
        await using var client = await node.ConnectAsync();
        var frame = RandomNumberGenerator.GetBytes(1 << 20);
        for (var i = 0; i < Frames; i++)
        {
            await node.Router.SendToAllAsync(frame, Cancellation);
        }

        // A response that is not read, begun later, is cut.
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(node.Address.Host, node.Address.Port, Cancellation);
        await tcp.GetStream().WriteAsync("GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray(), Cancellation);
        await Eventually.TrueAsync(
            () => node.Logs.GetSnapshot().Any(static record => record.Id.Name == "ResponseMinimumDataRateNotSatisfied"), "Kestrel cuts the response off");

        for (var i = 0; i < Frames; i++)
        {
            Assert.Equal(frame.Length, (await client.ReceiveAsync()).Data.Length);
        }
    }

    [Fact]
    public async Task Session_ChangedByTheHandshake_IsStoredThenAndNotOverWhatCameLater()
    {
        var ended = new TaskCompletionSource();
        await using var node = await AppNode.StartAsync(
            build: static sockets => sockets.Services.AddDistributedMemoryCache().AddSession(),
            map: app =>
            {
                app.Use(async (context, next) =>
                {
                    await next(context);
                    if (context.Response.StatusCode == StatusCodes.Status101SwitchingProtocols)
                    {
                        ended.SetResult();
                    }
                });
                app.UseSession();
                app.Use(static (context, next) =>
                {
                    context.Session.SetInt32("visits", (context.Session.GetInt32("visits") ?? 0) + 1);
                    return next(context);
                });
                app.MapGet("/visits", static (HttpContext context) => $"{context.Session.GetInt32("visits")}");
            });
        using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = node.Address };
        using var first = await http.GetAsync("/visits", Cancellation);
        var cookie = first.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
        http.DefaultRequestHeaders.Add("Cookie", cookie);

        await using (var client = await node.ConnectAsync(options: options => options.SetRequestHeader("Cookie", cookie)))
        {
            Assert.Equal("3", await http.GetStringAsync("/visits", Cancellation));
        }

        await ended.Task.WithinGuardAsync();
        Assert.Equal("4", await http.GetStringAsync("/visits", Cancellation));
    }

    [Fact]
    public async Task Session_CannotBeStored_KeepsNobodyOut()
    {
        var cache = new Mock<IDistributedCache>();
        cache.Setup(c => c.SetAsync(It.IsAny<string>(), It.IsAny<byte[]>(), It.IsAny<DistributedCacheEntryOptions>(), It.IsAny<CancellationToken>()))
            .ThrowsAsync(new InvalidOperationException("no cache"));
        await using var node = await AppNode.StartAsync(
            build: sockets => sockets.Services.AddSingleton(cache.Object).AddSession(),
            map: static app =>
            {
                app.UseSession();
                app.Use(static (context, next) =>
                {
                    context.Session.SetInt32("visits", 1);
                    return next(context);
                });
            });

        await using var client = await node.ConnectAsync();
        await EchoAsync(client, 10);

        Assert.Contains(node.Logs.GetSnapshot(), static record => record.Id.Id == 113);
    }

    private static async Task EchoAsync(TestClient client, int bytes)
    {
        var sent = RandomNumberGenerator.GetBytes(bytes);
        await client.SendAsync(sent, WebSocketMessageType.Binary);
        var (type, received) = await client.ReceiveAsync();
        Assert.Equal(WebSocketMessageType.Binary, type);
        Assert.True(sent.AsSpan().SequenceEqual(received));
    }
}
