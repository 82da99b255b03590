using DistributedSockets;
using Samples;

namespace Chat;

/// <summary>One node of the chat: a web app like any other.</summary>
internal static class ChatNode
{
    public static WebApplication Create(int port, Action<IDistributedWebSocketsBuilder> joinCluster)
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
            })
            .ConfigureCluster(options => options.Prefix = "chat-sample")
            .AddHub<ChatHandler>(hub => hub.Presence = PresenceScope.Users)
            .AddPresenceObserver<PresenceAnnouncer>()
            .AddClusterObserver<PresenceAnnouncer>());

        var app = builder.Build();
        app.UseFileServer();
        app.MapDistributedWebSocket<ChatHandler>("/chat");
        app.MapHealthChecks("/health");
        return app;
    }
}
