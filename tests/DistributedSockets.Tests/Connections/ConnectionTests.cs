using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Moq;

namespace DistributedSockets.Tests;

public sealed class ConnectionTests
{
    [Fact]
    public async Task Close_SocketFailsInAnUnforeseenWay_IsLoggedAndTheConnectionIsCut()
    {
        await using var node = await AppNode.StartAsync();
        var aborted = new TaskCompletionSource();
        var lifetime = new Mock<IHttpRequestLifetimeFeature>();
        lifetime.Setup(feature => feature.Abort()).Callback(aborted.SetResult);
        var context = new DefaultHttpContext();
        context.Features.Set(lifetime.Object);
        var socket = new Mock<WebSocket>();
        socket.Setup(s => s.CloseOutputAsync(It.IsAny<WebSocketCloseStatus>(), It.IsAny<string>(), It.IsAny<CancellationToken>())).Throws(new NotSupportedException("unforeseen"));
        var connection = new Connection(context, socket.Object, null, "h", null, node.Services.GetRequiredService<ConnectionServices>());

        await connection.CloseAsync(cancellationToken: TestContext.Current.CancellationToken);

        await aborted.Task.WithinGuardAsync();
        Assert.Equal("unforeseen", Assert.Single(node.Logs.GetSnapshot(), record => record.Id.Id == 107).Exception?.Message);
        Assert.Equal(DisconnectKind.ClosedByServer, connection.Reason?.Kind);
    }

    [Theory]
    [InlineData(HttpProtocols.Http1)]
    [InlineData(HttpProtocols.Http2)]
    public async Task Handshake_AskedForAfterTheEnd_SaysWhatItSaid(HttpProtocols protocols)
    {
        await using var node = await AppNode.StartAsync(protocols: protocols, map: static app => app.MapDistributedWebSocket<ProbeHandler>("/rooms/{room}"));
        using var server = new HttpMessageInvoker(new SocketsHttpHandler());
        var first = await RunAsync("first");
        await RunAsync("second"); // for which the server uses the same request again

        Assert.Equal("first", first.Headers["X-Said"]);
        Assert.Equal("first", first.Query["said"]);
        Assert.Equal("first", first.RouteValues["room"]);
        Assert.Same(first.Headers, first.Headers);

        async Task<WebSocketConnection> RunAsync(string said)
        {
            string[] before = [.. node.Probe.Connections.Keys];
            using (var socket = new ClientWebSocket())
            {
                socket.Options.SetRequestHeader("X-Said", said);
                socket.Options.HttpVersion = protocols == HttpProtocols.Http2 ? new(2, 0) : new(1, 1);
                socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
                await socket.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, $"/rooms/{said}?said={said}"), server, TestContext.Current.CancellationToken);
                await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, TestContext.Current.CancellationToken);
            }

            await Eventually.TrueAsync(
                () => node.Logs.GetSnapshot().Count(static record => record.Id.Id == 101) == node.Probe.Connections.Count, "the connection has ended");
            return node.Probe.Connections.Single(connection => !before.Contains(connection.Key)).Value;
        }
    }

    [Fact]
    public async Task Aborted_HandlerHoldsItsThreadWhileTheClientGoes_IsCancelled()
    {
        var time = new FakeTimeProvider();
        await using var node = await AppNode.StartAsync(build: sockets => sockets.Services.AddSingleton<TimeProvider>(time));
        var began = new TaskCompletionSource();
        node.Probe.OnMessage = (_, _, token) =>
        {
            began.SetResult();
            token.WaitHandle.WaitOne();
            return ValueTask.CompletedTask;
        };
        var client = await node.ConnectAsync();
        await client.SendAsync("hold on");
        await began.Task.WithinGuardAsync();

        client.Socket.Abort();
        time.Advance(TimeSpan.FromSeconds(5)); // to the next look at all connections

        await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync();
        await client.DisposeAsync();
    }
}
