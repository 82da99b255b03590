using System.Net;
using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace DistributedSockets.Tests;

public sealed class DrainTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Stop_OpenConnections_WritesWhatWaitsThenClosesWith1001AndEndsTheirSessions()
    {
        var cluster = new InMemoryCluster();
        await using var node = await AppNode.StartAsync(cluster);
        await using var other = await AppNode.StartAsync(cluster);
        var clients = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => node.ConnectAsync("u")));
        await Eventually.TrueAsync(async () => await other.Store.IsOnlineAsync("probe", "u", Cancellation), "the user is online");
        await node.Router.SendToAllAsync("last", Cancellation);

        var stopping = node.StopAsync();
        foreach (var client in clients)
        {
            Assert.Equal("last", await client.ReceiveTextAsync());
            Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, (await client.ReceiveCloseAsync()).Status);
            Assert.Equal(DisconnectKind.Drained, (await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync()).Kind);
        }

        await stopping.WithinGuardAsync();
        Assert.False(await other.Store.IsOnlineAsync("probe", "u", Cancellation));
        Assert.Equal(other.Services.GetRequiredService<NodeInfo>().NodeId, Assert.Single(await other.Store.ListNodesAsync(Cancellation)).NodeId);
    }

    [Fact]
    public async Task Stop_WhileDraining_NewcomersGet503AndReadinessIsOff()
    {
        await using var node = await AppNode.StartAsync(build: sockets => sockets.Services.AddHealthChecks().AddDistributedWebSockets());
        await using var client = await node.ConnectAsync();
        var stopping = node.StopAsync(); // does not end before the client answers its close frame

        var (type, _) = await client.ReceiveAsync();
        Assert.Equal(WebSocketMessageType.Close, type);
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(node.Address, "/chat"));
        request.Headers.TryAddWithoutValidation("Connection", "Upgrade");
        request.Headers.TryAddWithoutValidation("Upgrade", "websocket");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Version", "13");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        using var response = await http.SendAsync(request, Cancellation);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter?.Delta);
        Assert.Equal(HealthStatus.Unhealthy, (await node.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Cancellation)).Status);
        await client.Socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
        await stopping.WithinGuardAsync();
    }

    [Fact]
    public async Task Stop_ClientNeverAnswers_EndsAfterTheCloseTimeout()
    {
        await using var node = await AppNode.StartAsync(options: options => options.CloseTimeout = TimeSpan.FromMilliseconds(200));
        await using var client = await node.ConnectAsync();

        await node.StopAsync().WithinGuardAsync();

        Assert.Equal(DisconnectKind.Drained, (await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync()).Kind);
    }
}
