using DistributedSockets;
using Samples;

namespace Chat;

/// <summary>One node of the chat: a web app like any other.</summary>
internal static class ChatNode
{
    /// <param name="port">Where it listens.</param>
    /// <param name="others">Where other nodes do to which its pages may turn.</param>
    /// <param name="joinCluster">Says how it reaches the others.</param>
    public static WebApplication Create(int port, IReadOnlyCollection<int> others, Action<IDistributedWebSocketsBuilder> joinCluster)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical); // Program says why a node cannot start

        builder.Services.AddSingleton<IUserIdProvider, NameFromQuery>();
        builder.Services.AddHealthChecks().AddDistributedWebSockets();
        joinCluster(builder.Services
            .AddDistributedWebSockets(options =>
            {
                options.NodeName = $"node-{port}";
                options.MaxMessageBytes = 16 * 1024;
                foreach (var other in others)
                {
                    options.AllowedOrigins.Add($"http://127.0.0.1:{other}");
                    options.AllowedOrigins.Add($"http://localhost:{other}");
                }
            })
            .ConfigureCluster(options => options.Prefix = "chat-sample")
            .AddHub<ChatHandler>(hub =>
            {
                hub.Presence = PresenceScope.Users;
                hub.EnableResume = true; // a page that comes back, to whichever node, misses nothing of what is logged: all that is said
                hub.LoggedGroups.Add("*");
                hub.LogUsers = true;
            })
            .AddPresenceObserver<PresenceAnnouncer>()
            .AddClusterObserver<PresenceAnnouncer>());

        var app = builder.Build();
        app.UseFileServer();
        app.MapDistributedWebSocket<ChatHandler>("/chat");
        app.MapGet("/nodes", () => others.Select(other => $"http://127.0.0.1:{other}/"));
        app.MapHealthChecks("/health");
        return app;
    }
}
