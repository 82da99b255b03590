// snippet: extending-nodes
using System.Net.WebSockets;
using System.Text;
using DistributedSockets;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CustomBackplane.Tests;

public sealed class TwoNodesTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SendToAll_ClientsOfTwoNodes_BothReceive()
    {
        var sessions = new InMemoryCluster();
        await using var first = await StartNodeAsync(sessions);
        await using var second = await StartNodeAsync(sessions);
        using var alice = await ConnectAsync(first);
        using var bob = await ConnectAsync(second);

        await alice.SendAsync(Encoding.UTF8.GetBytes("hello"), WebSocketMessageType.Text, true, Cancellation);

        Assert.Equal("hello", await ReceiveAsync(alice));
        Assert.Equal("hello", await ReceiveAsync(bob));
    }

    private async Task<WebApplication> StartNodeAsync(InMemoryCluster sessions)
    {
        var builder = WebApplication.CreateBuilder(["--urls=http://127.0.0.1:0", "--Logging:LogLevel:Default=Warning"]);
        builder.Services.AddDistributedWebSockets()
            .UseInMemory(sessions)                                          // the session store: here both nodes are in one process
            .UsePostgresBackplane(options =>
            {
                options.ConnectionString = database.ConnectionString;
                options.OperationTimeout = TimeSpan.FromSeconds(30);
            });
        var app = builder.Build();
        app.MapDistributedWebSocket("/", (_, message, router, cancellationToken) => router.SendToAllAsync(message, cancellationToken));
        await app.StartAsync(Cancellation);
        return app;
    }

    private static async Task<ClientWebSocket> ConnectAsync(WebApplication node)
    {
        var client = new ClientWebSocket();
        await client.ConnectAsync(new Uri(node.Urls.Single().Replace("http", "ws", StringComparison.Ordinal)), Cancellation).WithinGuardAsync();
        return client;
    }

    private static async Task<string> ReceiveAsync(ClientWebSocket client)
    {
        var buffer = new byte[1_024];
        var result = await client.ReceiveAsync(buffer, Cancellation).WithinGuardAsync();
        return Encoding.UTF8.GetString(buffer, 0, result.Count);
    }
}
// end-snippet
