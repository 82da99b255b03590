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

    public static void Json(WebApplicationBuilder builder)
    {
        // snippet: configuration-json
        builder.Services.AddDistributedWebSockets()
            .ConfigureJson(json => json.TypeInfoResolverChain.Insert(0, AppJson.Default));
        // end-snippet
    }
}

internal sealed record Alert(string Title, string Text);

// snippet: configuration-json-context
[JsonSerializable(typeof(Alert))]
internal sealed partial class AppJson : JsonSerializerContext;
// end-snippet
