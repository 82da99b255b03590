using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace DistributedSockets.TestNode;

internal static class TestNodeServices
{
    /// <summary>Adds the library with its defaults, but for what the command line says.</summary>
    public static IServiceCollection AddLibrary(this IServiceCollection services, TestNodeArguments arguments)
    {
        var builder = services.AddDistributedWebSockets(options =>
        {
            options.NodeName = arguments.Name ?? options.NodeName;
            options.EnableCompression |= arguments.Compression;
            if (arguments.Log)
            {
                options.LogUsers = true;
                options.LoggedGroups.Add("*");
                options.EnableResume = true;
            }
        });
        if (arguments.Prefix is { } prefix)
        {
            builder.ConfigureCluster(options => options.Prefix = prefix);
        }

        if (arguments is { RedisServers: { Length: > 0 } servers, RedisPasswordFile: null })
        {
            builder.UseRedis(servers);
        }
        else if (arguments is { Redis: { } server, RedisPasswordFile: { } passwordFile })
        {
            builder.UseRedis(options =>
            {
                options.Configuration = ConfigurationOptions.Parse(server);
                options.Configuration.Defaults = new PasswordFile(passwordFile);
            });
        }
        else if (arguments.Redis is { } redis)
        {
            builder.UseRedis(redis);
        }

        if (arguments.RedisCluster is { } cluster)
        {
            builder.UseRedis(options =>
            {
                options.ConnectionString = cluster;
                options.ShardedPubSub = true;
            });
        }

        if (arguments is { Nats: { } nats, Redis: null })
        {
            builder.UseNats(nats);
        }
        else if (arguments.Nats is { } alone)
        {
            builder.UseNatsBackplane(alone);
        }

        builder.ConfigureCluster(common => common.Routing = arguments.Routing);
        builder.AddClusterObserver<ClusterEventLog>();
        builder.AddPresenceObserver<PresenceLog>();
        services.AddSingleton<ClusterEvents>();
        services.AddSingleton<JumpingClock>();
        services.AddSingleton<TimeProvider>(static provider => provider.GetRequiredService<JumpingClock>());
        services.AddSingleton<LibraryMetrics>();
        return services;
    }
}
