using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Docs.Tests.Snippets.Testing;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Mvc.Testing;

namespace DistributedSockets.Docs.Tests.Snippets.TestingFactory;

/// <summary>The app of the page, where a reader has a Program.cs.</summary>
public sealed class LobbyFactory : WebApplicationFactory<LobbyFactory>
{
    protected override IHostBuilder CreateHostBuilder() => Host.CreateDefaultBuilder().ConfigureWebHostDefaults(static web => web
        .UseContentRoot(AppContext.BaseDirectory)
        .ConfigureServices(LobbyApp.AddLobby)
        .Configure(static app => app.UseRouting().UseEndpoints(static endpoints => endpoints.MapDistributedWebSocket<LobbyHandler>("/lobby"))));

    protected override IHost CreateHost(IHostBuilder builder)
    {
        builder.UseContentRoot(AppContext.BaseDirectory); // the class looks for a project otherwise
        return base.CreateHost(builder);
    }
}

public sealed class LobbyFactoryTests
{
    [Fact]
    public async Task Message_OverTheTestServer_ComesBack()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var factory = new LobbyFactory();

        // snippet: testing-factory
        var sockets = factory.Server.CreateWebSocketClient();
        sockets.ConfigureRequest = request => request.Headers["X-Device"] = "phone";
        using var alice = await sockets.ConnectAsync(new(factory.Server.BaseAddress, "/lobby"), cancellationToken);
        await alice.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, cancellationToken);

        var buffer = new byte[1_024];
        var received = await alice.ReceiveAsync(buffer, cancellationToken);
        Assert.Equal(": hello", Encoding.UTF8.GetString(buffer, 0, received.Count));      // of nobody: no one has signed in
        // end-snippet
        await alice.CloseAsync(WebSocketCloseStatus.NormalClosure, null, cancellationToken).WithinGuardAsync();
    }
}
