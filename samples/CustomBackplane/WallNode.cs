using DistributedSockets;

namespace CustomBackplane;

/// <summary>One node: a web app like any other.</summary>
internal static class WallNode
{
    public static WebApplication Create(int port, string connectionString, InMemoryCluster sessions)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical); // Program says why a node cannot start

        builder.Services.AddHealthChecks().AddDistributedWebSockets();
        builder.Services.AddDistributedWebSockets(options => options.NodeName = $"node-{port}")
            .ConfigureCluster(options => options.Prefix = "wall-sample")
            .UseInMemory(sessions) // who is connected, shared by the nodes of this process
            .UsePostgresBackplane(connectionString);

        var app = builder.Build();
        app.UseFileServer();
        app.MapDistributedWebSocket<WallHandler>("/wall");
        app.MapHealthChecks("/health");
        return app;
    }
}
