using System.Net;
using System.Security.Claims;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace DistributedSockets.Tests;

/// <summary>A web app on a free port of loopback, with an endpoint <c>/chat</c> of <see cref="ProbeHandler"/>; the user is <c>?u=</c>, or else the principal's.</summary>
internal sealed class AppNode : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly LocalNode _state;

    private AppNode(WebApplication app, FakeLogCollector logs)
    {
        _app = app;
        Logs = logs;
        _state = app.Services.GetRequiredService<LocalNode>();
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        Address = new(address);
    }

    internal Uri Address { get; }

    internal FakeLogCollector Logs { get; }

    internal IServiceProvider Services => _app.Services;

    internal IWebSocketRouter<ProbeHandler> Router => Services.GetRequiredService<IWebSocketRouter<ProbeHandler>>();

    internal ISessionStore Store => Services.GetRequiredService<ISessionStore>();

    internal ProbeLog Probe => Services.GetRequiredService<ProbeLog>();

    internal HubConnections Hub => Services.GetRequiredService<Hubs>().Get(Router.Hub);

    internal static async Task<AppNode> StartAsync(
        InMemoryCluster? cluster = null,
        Action<DistributedWebSocketsOptions>? options = null,
        Action<IDistributedWebSocketsBuilder>? build = null,
        Action<WebApplication>? map = null,
        HttpProtocols protocols = HttpProtocols.Http1,
        Action<WebApplication>? front = null,
        Action<ListenOptions>? listen = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, endpoint =>
        {
            endpoint.Protocols = protocols;
            listen?.Invoke(endpoint);
        }));
        builder.Configuration.AddEnvironmentVariables(); // with which all tests can be run with other options
        builder.Services.AddRoutingCore();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(20));
        builder.Logging.AddFakeLogging().SetMinimumLevel(LogLevel.Debug);
        var sockets = builder.Services.AddDistributedWebSockets(options);
        builder.Services.AddSingleton<ProbeLog>();
        builder.Services.AddSingleton<IUserIdProvider, QueryUserIdProvider>();
        if (cluster is not null)
        {
            sockets.UseInMemory(cluster);
        }

        build?.Invoke(sockets);
        var app = builder.Build();
        front?.Invoke(app);
        app.UseRouting();
        app.MapDistributedWebSocket<ProbeHandler>("/chat");
        map?.Invoke(app);
        await app.StartAsync(TestContext.Current.CancellationToken).WithinGuardAsync();
        return new(app, app.Services.GetFakeLogCollector());
    }

    internal Task<TestClient> ConnectAsync(string? user = null, string path = "/chat", Action<System.Net.WebSockets.ClientWebSocketOptions>? options = null) =>
        TestClient.ConnectAsync(Address, user is null ? path : $"{path}?u={Uri.EscapeDataString(user)}", options);

    internal bool IsRunning => _state.IsStarted;

    internal Task StopAsync() => _app.StopAsync(TestContext.Current.CancellationToken);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private sealed class QueryUserIdProvider : IUserIdProvider
    {
        public string? GetUserId(HttpContext context) => (string?)context.Request.Query["u"] ?? context.User.FindFirstValue(ClaimTypes.NameIdentifier);
    }
}
