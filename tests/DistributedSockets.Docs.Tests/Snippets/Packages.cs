namespace DistributedSockets.Docs.Tests.Snippets.Packages;

internal static class PackagesProgram
{
    public static WebApplication Runtime(string[] args, Action<WebApplicationBuilder>? more = null)
    {
        // snippet: package-runtime
        var builder = WebApplication.CreateBuilder(args);
        builder.Services.AddDistributedWebSockets();
        // end-snippet
        more?.Invoke(builder);

        // snippet: package-runtime
        var app = builder.Build();
        app.MapDistributedWebSocket<ChatHandler>("/chat");
        // end-snippet
        return app;
    }

    public static void Run(WebApplication app)
    {
        // snippet: package-runtime
        app.Run();
        // end-snippet
    }

    public static void Redis(WebApplicationBuilder builder)
    {
        // snippet: package-redis
        builder.Services.AddDistributedWebSockets()
            .ConfigureCluster(options => options.Prefix = "shop")   // equal on all nodes and workers of one cluster
            .UseRedis("redis.example.com:6379");                     // or an IConnectionMultiplexer that stays yours

        // Or one of the two, with options:
        builder.Services.AddDistributedWebSockets()
            .UseRedisBackplane(options =>
            {
                options.ConnectionString = "redis.example.com:6379,ssl=true";
                options.OperationTimeout = TimeSpan.FromSeconds(1);
            });
        // end-snippet
    }

    public static void Nats(WebApplicationBuilder builder)
    {
        // snippet: package-nats
        builder.Services.AddDistributedWebSockets()
            .ConfigureCluster(options => options.Prefix = "shop")   // equal on all nodes and workers of one cluster
            .UseNats("nats://nats.example.com:4222");                // or an INatsConnection that stays yours

        // Or messages over NATS, and sessions elsewhere:
        builder.Services.AddDistributedWebSockets()
            .UseNatsBackplane("nats://nats-1:4222,nats://nats-2:4222,nats://nats-3:4222")
            .UseRedisSessionStore("redis.example.com:6379");
        // end-snippet
    }
}

// snippet: package-runtime
[WebSocketHub("chat")]
public sealed class ChatHandler(IWebSocketRouter<ChatHandler> router) : WebSocketHandler
{
    public override ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken) =>
        router.SendToAllAsync(message, cancellationToken);
}
// end-snippet

// snippet: package-abstractions
public sealed class OrderNotifier(IWebSocketRouterFactory routers)
{
    private readonly IWebSocketRouter _shop = routers.GetRouter("shop");

    public async Task ShippedAsync(string customer, CancellationToken cancellationToken)
    {
        await _shop.SendToUserAsync(customer, """{"type":"shipped"}""", cancellationToken);
    }
}
// end-snippet
