using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.HttpOverrides;
using StackExchange.Redis;
using StackExchange.Redis.Configuration;

namespace DistributedSockets.Docs.Tests.Snippets.RedisInProduction;

internal static class RedisInProductionProgram
{
    public static void Health(WebApplicationBuilder builder)
    {
        // snippet: redis-health
        builder.Services.AddHealthChecks().AddDistributedWebSockets(tags: ["ready"]);
        // end-snippet
    }

    public static void MapHealth(WebApplication app)
    {
        // snippet: redis-health-map
        app.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = static _ => false });
        app.MapHealthChecks("/health/ready", new HealthCheckOptions { Predicate = static check => check.Tags.Contains("ready") });
        // end-snippet
    }

    public static void Shutdown(WebApplicationBuilder builder)
    {
        // snippet: redis-shutdown
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(60));
        builder.Services.AddDistributedWebSockets(options => options.DrainTimeout = TimeSpan.FromSeconds(40));
        // end-snippet
    }

    public static void Sentinel(WebApplicationBuilder builder)
    {
        // snippet: redis-sentinel
        builder.Services.AddDistributedWebSockets()
            .UseRedis("sentinel-1:26379,sentinel-2:26379,sentinel-3:26379,serviceName=main");
        // end-snippet
    }

    public static void Cluster(WebApplicationBuilder builder)
    {
        // snippet: redis-cluster
        builder.Services.AddDistributedWebSockets().UseRedis(options =>
        {
            options.ConnectionString = "cluster-1:6379,cluster-2:6379,cluster-3:6379";   // a few nodes; the others are found
            options.ShardedPubSub = true;
        });
        // end-snippet
    }

    public static void Servers(WebApplicationBuilder builder)
    {
        // snippet: redis-servers
        builder.Services.AddDistributedWebSockets()
            .UseRedis(["redis-1:6379", "redis-2:6379", "redis-3:6379"]);
        // end-snippet
    }

    public static void NamedServers(WebApplicationBuilder builder)
    {
        // snippet: redis-servers-named
        builder.Services.AddDistributedWebSockets().UseRedis(options =>
        {
            options.Servers.Add(new() { Name = "blue", ConnectionString = "10.0.0.1:6379" });
            options.Servers.Add(new() { Name = "green", ConnectionString = "10.0.0.2:6379" });
            options.Servers.Add(new() { Name = "red", ConnectionString = "sentinel-1:26379,sentinel-2:26379,serviceName=red" });
        });
        // end-snippet
    }

    public static void Tls(WebApplicationBuilder builder)
    {
        // snippet: redis-tls
        builder.Services.AddDistributedWebSockets().UseRedis(options =>
        {
            options.Configuration = new ConfigurationOptions
            {
                EndPoints = { { "redis.example.com", 6380 } },
                Ssl = true,
                User = "sockets",
                Password = builder.Configuration["RedisPassword"],
            };
        });
        // end-snippet
    }

    public static void PasswordOfAFile(WebApplicationBuilder builder)
    {
        // snippet: redis-password-use
        builder.Services.AddDistributedWebSockets().UseRedis(options => options.Configuration = new ConfigurationOptions
        {
            EndPoints = { { "redis.example.com", 6379 } },
            User = "sockets",
            Defaults = new PasswordFile("/run/secrets/redis-password"),
        });
        // end-snippet
    }

    public static void Forwarded(WebApplicationBuilder builder)
    {
        // snippet: redis-forwarded
        builder.Services.Configure<ForwardedHeadersOptions>(options =>
        {
            options.ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost;
            options.KnownProxies.Add(System.Net.IPAddress.Parse("10.0.0.2"));
        });
        // end-snippet
    }

    public static void UseForwarded(WebApplication app)
    {
        // snippet: redis-forwarded-use
        app.UseForwardedHeaders();      // before everything else
        // end-snippet
    }
}

// snippet: redis-password
public sealed class PasswordFile(string path) : DefaultOptionsProvider
{
    public override string Password => File.ReadAllText(path).TrimEnd();
}
// end-snippet
