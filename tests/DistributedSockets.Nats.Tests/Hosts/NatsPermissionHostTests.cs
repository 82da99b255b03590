using System.Net;
using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.Hosts;

/// <summary>Whole nodes of a user who may do what <c>docs/nats-in-production.md</c> says, or less.</summary>
public sealed class NatsPermissionHostTests : IAsyncLifetime
{
    private const string Prefix = "shop";
    private const string Hub = "chat";

    private readonly NatsServer _server = new() { HasJetStream = true };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        _server.SkipUnlessAvailable();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Users_OfThePage_NothingIsLoggedOrReportedAtStartAndInWork()
    {
        Configure(NatsPage.Permissions());
        await _server.StartAsync();
        await using var sender = await StartNodeAsync();
        await using var node = await StartNodeAsync();
        using (var client = await ConnectAsync(node, "alice"))
        {
            var id = await ReceiveAsync(client);
            await Router(sender).AddToGroupAsync(id, "red", Cancellation);
            await Router(sender).SendToGroupAsync("red", "group", Cancellation);
            Assert.Equal("group", await ReceiveAsync(client));
            await Router(sender).SendToUserAsync("alice", "user", Cancellation);
            Assert.Equal("user", await ReceiveAsync(client));
            var store = sender.Services.GetRequiredService<ISessionStore>();
            await Eventually.TrueAsync(async () => await store.IsOnlineAsync(Hub, "alice", Cancellation), "the session is stored");
            var roster = sender.Services.GetRequiredService<IPresenceRosterFactory>().GetRoster(Hub);
            await Eventually.TrueAsync(() => roster.IsOnline("alice") && roster.IsInGroup("alice", "red"), "the roster has her");
            await Router(sender).RemoveFromGroupAsync(id, "red", Cancellation);
            await Eventually.TrueAsync(() => !roster.IsInGroup("alice", "red"), "the roster follows");
            await Router(sender).AddUserToGroupAsync("alice", "blue", Cancellation);
            await Eventually.TrueAsync(async () => await store.CountAsync(SessionQuery.ForGroup(Hub, "blue"), Cancellation) == 1, "her connection joins");
            var asking = Router(sender).AskAsync(id, WebSocketMessage.Text, TimeSpan.FromSeconds(30), Cancellation);
            var question = await ReceiveAsync(client);
            await client.SendAsync(Encoding.UTF8.GetBytes(question), WebSocketMessageType.Text, true, Cancellation);
            Assert.Equal(question, (await asking).GetText());
            await client.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation).WithinGuardAsync();
        }

        foreach (var app in new[] { sender, node })
        {
            await EventuallyHealthyAsync(app);
            Assert.Equal(0, app.Services.GetRequiredService<Losses>().Count);
            Assert.DoesNotContain(app.Services.GetFakeLogCollector().GetSnapshot(), static entry => entry.Level >= LogLevel.Warning);
        }
    }

    [Fact]
    public async Task Group_NotAllowed_JoinThrowsTheWordsAndHealsWhenItIsAllowed()
    {
        Configure("""{ publish: ["shop.v1.>"], subscribe: { allow: ["shop.v1.>"], deny: ["shop.v1.chat.group.blue"] } }""");
        await _server.StartAsync();
        await using var node = await StartNodeAsync();
        await using var other = await StartNodeAsync();
        using var client = await ConnectAsync(node, "alice");
        var id = await ReceiveAsync(client);

        var here = await Assert.ThrowsAsync<BackplaneRefusedException>(async () => await Router(node).AddToGroupAsync(id, "blue", Cancellation));
        await Assert.ThrowsAsync<BackplaneRefusedException>(async () => await Router(other).AddToGroupAsync(id, "blue", Cancellation));
        Assert.Contains("Permissions Violation for Subscription to \"shop.v1.chat.group.blue\"", here.Message);

        Configure(NatsPage.Permissions());
        await _server.ReloadAsync();
        await Eventually.TrueAsync(
            async () => await Record.ExceptionAsync(async () => await Router(node).AddToGroupAsync(id, "blue", Cancellation)) is null, "the join succeeds");
        await Router(other).SendToGroupAsync("blue", "hello", Cancellation);
        Assert.Equal("hello", await ReceiveAsync(client));
    }

    [Fact]
    public async Task User_NotAllowed_ConnectionOpensAndHealthTellsUntilItIsAllowed()
    {
        Configure("""{ publish: ["shop.v1.>"], subscribe: { allow: ["shop.v1.>"], deny: ["shop.v1.chat.user.alice"] } }""");
        await _server.StartAsync();
        await using var node = await StartNodeAsync();
        await using var other = await StartNodeAsync();
        using var client = await ConnectAsync(node, "alice");
        Assert.NotEmpty(await ReceiveAsync(client));

        var degraded = await HealthAsync(node);
        Assert.Equal(HealthStatus.Degraded, degraded.Status);
        Assert.Contains("(user)", degraded.Description);
        Assert.Contains("Permissions Violation for Subscription to \"shop.v1.chat.user.alice\"", degraded.Description);

        Configure(NatsPage.Permissions());
        await _server.ReloadAsync();
        await EventuallyHealthyAsync(node);
        await Router(other).SendToUserAsync("alice", "hello", Cancellation);
        Assert.Equal("hello", await ReceiveAsync(client));
    }

    private static IWebSocketRouter Router(WebApplication node) => node.Services.GetRequiredService<IWebSocketRouterFactory>().GetRouter(Hub);

    private static async Task<HealthReportEntry> HealthAsync(WebApplication node) =>
        (await node.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Cancellation)).Entries.Values.Single();

    private static async Task EventuallyHealthyAsync(WebApplication node)
    {
        var health = default(HealthReportEntry);
        try
        {
            await Eventually.TrueAsync(async () => (health = await HealthAsync(node)).Status == HealthStatus.Healthy, "the node is healthy");
        }
        catch (Exception exception)
        {
            Assert.Fail($"{exception.Message} It says: {health.Description}");
        }
    }

    private static async Task<ClientWebSocket> ConnectAsync(WebApplication node, string user)
    {
        var client = new ClientWebSocket();
        await client.ConnectAsync(new Uri(node.Urls.Single().Replace("http", "ws", StringComparison.Ordinal) + $"/chat?u={user}"), Cancellation).WithinGuardAsync();
        await client.SendAsync("id"u8.ToArray(), WebSocketMessageType.Text, true, Cancellation);
        return client;
    }

    private static async Task<string> ReceiveAsync(ClientWebSocket client)
    {
        var buffer = new byte[1_024];
        var result = await client.ReceiveAsync(buffer, Cancellation).WithinGuardAsync();
        return Encoding.UTF8.GetString(buffer, 0, result.Count);
    }

    private void Configure(string backplane) => _server.Configuration = $$"""
        authorization {
          users = [
            { user: backplane, password: secret, permissions: {{backplane}} }
            { user: store, password: secret, permissions: {{NatsPage.SessionStorePermissions()}} }
          ]
        }
        """;

    private async Task<WebApplication> StartNodeAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Configuration.AddEnvironmentVariables(); // with which all tests can be run with other options
        builder.Services.AddRoutingCore();
        builder.Logging.AddFakeLogging().SetMinimumLevel(LogLevel.Debug);
        builder.Services.AddHealthChecks().AddDistributedWebSockets();
        builder.Services.AddSingleton<IUserIdProvider, QueryUserIdProvider>();
        builder.Services.AddSingleton<Losses>();
        builder.Services.AddSingleton<IClusterObserver>(static services => services.GetRequiredService<Losses>());
        builder.Services.AddDistributedWebSockets(static options =>
            {
                options.DrainTimeout = TimeSpan.Zero;
                options.Presence = PresenceScope.UsersAndGroups;
                options.AnswerMatcher = static message => message.GetText(); // who is asked answers with the id of the question
            })
            .ConfigureCluster(static cluster => cluster.Prefix = Prefix)
            .UseNatsBackplane(options => (options.Configuration, options.OperationTimeout) = (For("backplane"), TimeSpan.FromSeconds(10)))
            .UseNatsSessionStore(options => (options.Configuration, options.OperationTimeout) = (For("store"), TimeSpan.FromSeconds(10)));
        var app = builder.Build();
        app.UseRouting();
        app.MapDistributedWebSocket(
            "/chat", static (connection, _, _, cancellationToken) => connection.SendAsync(WebSocketMessage.Text(connection.Id), cancellationToken), Hub);
        await app.StartAsync(Cancellation).WithinGuardAsync();
        return app;

        NatsOpts For(string user) => new() { Url = _server.Url, AuthOpts = new() { Username = user, Password = "secret" } };
    }

    private sealed class QueryUserIdProvider : IUserIdProvider
    {
        public string? GetUserId(HttpContext context) => context.Request.Query["u"];
    }

    private sealed class Losses : IClusterObserver
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public ValueTask OnPossibleLossAsync(PossibleLoss loss, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _count);
            return ValueTask.CompletedTask;
        }
    }
}
