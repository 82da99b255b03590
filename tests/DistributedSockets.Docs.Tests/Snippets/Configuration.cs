using System.Text.Json.Serialization;

namespace DistributedSockets.Docs.Tests.Snippets.Configuration;

internal static class ConfigurationProgram
{
    public static void Code(WebApplicationBuilder builder)
    {
        // snippet: configuration-code
        builder.Services.AddDistributedWebSockets(options =>
            {
                options.MaxMessageBytes = 16 * 1024;
                options.AllowedOrigins.Add("https://app.example.com");
            })
            .ConfigureCluster(options => options.Prefix = "shop")
            .UseRedis(options =>
            {
                options.ConnectionString = builder.Configuration.GetConnectionString("redis");
                options.OperationTimeout = TimeSpan.FromSeconds(1);
            });
        // end-snippet
    }

    public static void Hubs(WebApplicationBuilder builder)
    {
        // snippet: configuration-hubs
        builder.Services.AddDistributedWebSockets(options => options.MaxMessageBytes = 16 * 1024) // for all hubs
            .AddHub<TickerHandler>(hub =>
            {
                hub.MaxMessageBytes = 1024;
                hub.SlowConsumerPolicy = SlowConsumerPolicy.DropOldest; // only the newest prices matter
                hub.EnableCompression = true;
            });
        // end-snippet
    }

    public static void Endpoints(WebApplication app)
    {
        // snippet: configuration-endpoints
        app.MapDistributedWebSocket<TickerHandler>("/ticker");
        app.MapDistributedWebSocket<TickerHandler>("/partners/ticker", handshake =>
        {
            handshake.AllowedOrigins.Add("https://partner.example.com");
            handshake.SubProtocols.Add("ticker.v2");
        });
        // end-snippet
    }

    public static void Routing(WebApplicationBuilder builder)
    {
        // snippet: configuration-routing
        builder.Services.AddDistributedWebSockets()
            .ConfigureCluster(options => options.Routing = RoutingStrategy.Broadcast);
        // end-snippet
    }

    public static void Json(WebApplicationBuilder builder)
    {
        // snippet: configuration-json
        builder.Services.AddDistributedWebSockets()
            .ConfigureJson(json => json.TypeInfoResolverChain.Insert(0, AppJson.Default));
        // end-snippet
    }
}

[WebSocketHub("ticker")]
internal sealed class TickerHandler : WebSocketHandler;

internal sealed record Alert(string Title, string Text);

// snippet: configuration-json-context
[JsonSerializable(typeof(Alert))]
internal sealed partial class AppJson : JsonSerializerContext;
// end-snippet
