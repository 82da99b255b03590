using System.Net;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace DistributedSockets.Redis.Tests.Hosts;

/// <summary>
/// A whole node over Redis in this process, with an endpoint <c>/chat</c> that answers messages; the user is <c>?u=</c>. All that it
/// logs is kept, down to Trace.
/// </summary>
internal sealed class RedisNode : IAsyncDisposable
{
    internal const string Hub = "chat";

    private readonly WebApplication _app;

    private RedisNode(WebApplication app)
    {
        _app = app;
        Logs = app.Services.GetFakeLogCollector();
        Address = new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
    }

    internal Uri Address { get; }

    internal IServiceProvider Services => _app.Services;

    internal NodeInfo Info => Services.GetRequiredService<NodeInfo>();

    internal IWebSocketRouter Router => Services.GetRequiredService<IWebSocketRouterFactory>().GetRouter(Hub);

    internal ISessionStore Store => Services.GetRequiredService<ISessionStore>();

    internal LossObserver Losses => Services.GetRequiredService<LossObserver>();

    /// <summary>What was logged, also when the node has been disposed.</summary>
    internal FakeLogCollector Logs { get; }

    /// <param name="redis">The configuration string.</param>
    /// <param name="prefix">The prefix of the cluster.</param>
    /// <param name="onMessage">What the endpoint does instead of answering.</param>
    /// <param name="envelopeKey">What the nodes of the cluster seal envelopes with, if anything.</param>
    internal static Task<RedisNode> StartAsync(
        string redis,
        string prefix,
        Func<WebSocketConnection, WebSocketMessage, CancellationToken, ValueTask>? onMessage = null,
        string? envelopeKey = null) => StartAsync(sockets => sockets.UseRedis(redis), prefix, onMessage, envelopeKey);

    /// <inheritdoc cref="StartAsync(string, string, Func{WebSocketConnection, WebSocketMessage, CancellationToken, ValueTask}?, string?)"/>
    internal static async Task<RedisNode> StartAsync(
        Action<IDistributedWebSocketsBuilder> configure,
        string prefix,
        Func<WebSocketConnection, WebSocketMessage, CancellationToken, ValueTask>? onMessage = null,
        string? envelopeKey = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Configuration.AddEnvironmentVariables(); // with which all tests can be run with other options
        builder.Services.AddRoutingCore();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(20));
        builder.Logging.AddFakeLogging().SetMinimumLevel(LogLevel.Trace);
        builder.Services.AddHealthChecks().AddDistributedWebSockets();
        builder.Services.AddSingleton<IUserIdProvider, QueryUserIdProvider>();
        builder.Services.AddSingleton<LossObserver>();
        builder.Services.AddSingleton<IClusterObserver>(services => services.GetRequiredService<LossObserver>());
        var sockets = builder.Services.AddDistributedWebSockets(options =>
            {
                options.HeartbeatInterval = TimeSpan.FromMilliseconds(200);
                options.DrainTimeout = TimeSpan.Zero;
                if (envelopeKey is not null)
                {
                    options.EnvelopeKeys.Add(envelopeKey);
                }
            })
            .ConfigureCluster(cluster => cluster.Prefix = prefix);
        configure(sockets);
        var app = builder.Build();
        app.UseRouting();
        app.MapDistributedWebSocket(
            "/chat",
            async (connection, message, _, cancellationToken) => await (onMessage is null || message.GetText() == "id"
                ? connection.SendAsync(WebSocketMessage.Text(message.GetText() == "id" ? connection.Id : message.GetText()), cancellationToken)
                : onMessage(connection, message, cancellationToken)),
            Hub);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new(app);
    }

    internal async Task<NodeClient> ConnectAsync(string? user = null, Action<System.Net.WebSockets.ClientWebSocketOptions>? options = null, string query = "")
    {
        var client = await NodeClient.ConnectAsync(
            new(Address, $"/chat?{(user is null ? "" : $"u={Uri.EscapeDataString(user)}")}&{query}"), options);
        await client.SendAsync("id");
        client.Id = await client.ReceiveAsync();
        return client;
    }

    /// <summary>Collects one of the library's counters.</summary>
    internal MetricCollector<long> Collect(string counter) => new(
        Services.GetRequiredService<System.Diagnostics.Metrics.IMeterFactory>(), "DistributedSockets", $"distributed_sockets.{counter}");

    internal Task<HealthReport> HealthAsync() => Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(TestContext.Current.CancellationToken);

    internal Task HealthyAsync() => Eventually.TrueAsync(async () => (await HealthAsync()).Status == HealthStatus.Healthy, "the node is healthy");

    internal async Task<string[]> ConnectionsAsync(SessionQuery query)
    {
        var ids = new List<string>();
        await foreach (var session in Store.ListAsync(query, TestContext.Current.CancellationToken))
        {
            ids.Add(session.ConnectionId);
        }

        return [.. ids.Order(StringComparer.Ordinal)];
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private sealed class QueryUserIdProvider : IUserIdProvider
    {
        public string? GetUserId(HttpContext context) => context.Request.Query["u"];
    }

    internal sealed class LossObserver : IClusterObserver
    {
        private int _count;

        internal int Count => Volatile.Read(ref _count);

        public ValueTask OnPossibleLossAsync(PossibleLoss loss, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _count);
            return ValueTask.CompletedTask;
        }
    }
}
