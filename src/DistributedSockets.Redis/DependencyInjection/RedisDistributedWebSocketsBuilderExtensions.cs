using System.Diagnostics.CodeAnalysis;
using DistributedSockets;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Uses Redis as backplane, message log and session store, or as some of them. The last call wins.</summary>
/// <remarks>
/// Backplane, message log and session store each open a connection of their own unless the app hands in one, so that a large answer
/// to a query never delays messages.
/// </remarks>
public static class RedisDistributedWebSocketsBuilderExtensions
{
    /// <summary>Uses Redis as backplane, message log and session store, as the section <c>DistributedWebSockets:Redis</c> of the app's configuration says.</summary>
    /// <param name="builder">The builder.</param>
    /// <remarks>
    /// The section may hold every option of <see cref="RedisOptions"/> that can be written as text. The other methods read it too, and what
    /// they are told wins.
    /// </remarks>
    public static IDistributedWebSocketsBuilder UseRedis(this IDistributedWebSocketsBuilder builder) =>
        builder.UseRedisBackplane().UseRedisMessageLog().UseRedisSessionStore();

    /// <summary>Uses Redis as backplane, message log and session store.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connectionString">The StackExchange.Redis configuration string.</param>
    public static IDistributedWebSocketsBuilder UseRedis(this IDistributedWebSocketsBuilder builder, string connectionString) =>
        builder.UseRedisBackplane(connectionString).UseRedisMessageLog(connectionString).UseRedisSessionStore(connectionString);

    /// <summary>Uses several independent Redis servers: channels are spread over them, and one of them has the message log and the session store.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connectionStrings">
    /// The StackExchange.Redis configuration string of each server, the same on all nodes and workers, in any order. Message log and session
    /// store are at that whose address comes first in ordinal order. To name servers use <see cref="RedisOptions.Servers"/>.
    /// </param>
    public static IDistributedWebSocketsBuilder UseRedis(this IDistributedWebSocketsBuilder builder, IEnumerable<string> connectionStrings)
    {
        var servers = Servers(connectionStrings);
        return builder.UseRedis(options => AddRange(options.Servers, servers));
    }

    /// <summary>Uses Redis as backplane, message log and session store.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets the options of all three.</param>
    public static IDistributedWebSocketsBuilder UseRedis(this IDistributedWebSocketsBuilder builder, Action<RedisOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return builder
            .UseRedisBackplane(options => Apply(configure, options))
            .UseRedisMessageLog(options => Apply(configure, options))
            .UseRedisSessionStore(options => Apply(configure, options));
    }

    /// <summary>Uses Redis as backplane, message log and session store over a connection of the app.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connectionMultiplexer">The connection. It stays the app's and is not disposed.</param>
    public static IDistributedWebSocketsBuilder UseRedis(this IDistributedWebSocketsBuilder builder, IConnectionMultiplexer connectionMultiplexer) =>
        builder.UseRedisBackplane(connectionMultiplexer).UseRedisMessageLog(connectionMultiplexer).UseRedisSessionStore(connectionMultiplexer);

    /// <summary>Uses Redis as backplane, as the section <c>DistributedWebSockets:Redis</c> of the app's configuration says.</summary>
    /// <param name="builder">The builder.</param>
    public static IDistributedWebSocketsBuilder UseRedisBackplane(this IDistributedWebSocketsBuilder builder) => builder.UseRedisBackplane(static _ => { });

    /// <summary>Uses Redis as backplane.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connectionString">The StackExchange.Redis configuration string.</param>
    public static IDistributedWebSocketsBuilder UseRedisBackplane(this IDistributedWebSocketsBuilder builder, string connectionString)
    {
        ArgumentException.ThrowIfNullOrEmpty(connectionString);
        return builder.UseRedisBackplane(options => options.ConnectionString = connectionString);
    }

    /// <summary>Uses several independent Redis servers as backplane, over which channels are spread.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connectionStrings">
    /// The StackExchange.Redis configuration string of each server, the same on all nodes and workers, in any order. To name servers use
    /// <see cref="RedisBackplaneOptions.Servers"/>.
    /// </param>
    public static IDistributedWebSocketsBuilder UseRedisBackplane(this IDistributedWebSocketsBuilder builder, IEnumerable<string> connectionStrings)
    {
        var servers = Servers(connectionStrings);
        return builder.UseRedisBackplane(options => AddRange(options.Servers, servers));
    }

    /// <summary>Uses Redis as backplane.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets the options. A connection set here replaces one set before.</param>
    public static IDistributedWebSocketsBuilder UseRedisBackplane(this IDistributedWebSocketsBuilder builder, Action<RedisBackplaneOptions> configure)
    {
        AddOptions(builder, configure);
        return builder.UseBackplane(CreateBackplane);
    }

    /// <summary>Uses Redis as backplane over a connection of the app.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connectionMultiplexer">The connection. It stays the app's and is not disposed.</param>
    public static IDistributedWebSocketsBuilder UseRedisBackplane(this IDistributedWebSocketsBuilder builder, IConnectionMultiplexer connectionMultiplexer)
    {
        ArgumentNullException.ThrowIfNull(connectionMultiplexer);
        return builder.UseRedisBackplane(options => options.ConnectionMultiplexer = connectionMultiplexer);
    }

    /// <summary>Uses Redis as message log, as the section <c>DistributedWebSockets:Redis</c> of the app's configuration says.</summary>
    /// <param name="builder">The builder.</param>
    public static IDistributedWebSocketsBuilder UseRedisMessageLog(this IDistributedWebSocketsBuilder builder) => builder.UseRedisMessageLog(static _ => { });

    /// <summary>Uses Redis as message log.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connectionString">The StackExchange.Redis configuration string.</param>
    public static IDistributedWebSocketsBuilder UseRedisMessageLog(this IDistributedWebSocketsBuilder builder, string connectionString)
    {
        ArgumentException.ThrowIfNullOrEmpty(connectionString);
        return builder.UseRedisMessageLog(options => options.ConnectionString = connectionString);
    }

    /// <summary>Uses Redis as message log.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets the options. A connection set here replaces one set before.</param>
    public static IDistributedWebSocketsBuilder UseRedisMessageLog(this IDistributedWebSocketsBuilder builder, Action<RedisMessageLogOptions> configure)
    {
        AddOptions(builder, configure);
        return builder.UseMessageLog<RedisMessageLog>();
    }

    /// <summary>Uses Redis as message log over a connection of the app.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connectionMultiplexer">The connection. It stays the app's and is not disposed.</param>
    public static IDistributedWebSocketsBuilder UseRedisMessageLog(this IDistributedWebSocketsBuilder builder, IConnectionMultiplexer connectionMultiplexer)
    {
        ArgumentNullException.ThrowIfNull(connectionMultiplexer);
        return builder.UseRedisMessageLog(options => options.ConnectionMultiplexer = connectionMultiplexer);
    }

    /// <summary>Uses Redis as session store, as the section <c>DistributedWebSockets:Redis</c> of the app's configuration says.</summary>
    /// <param name="builder">The builder.</param>
    public static IDistributedWebSocketsBuilder UseRedisSessionStore(this IDistributedWebSocketsBuilder builder) =>
        builder.UseRedisSessionStore(static _ => { });

    /// <summary>Uses Redis as session store.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connectionString">The StackExchange.Redis configuration string.</param>
    public static IDistributedWebSocketsBuilder UseRedisSessionStore(this IDistributedWebSocketsBuilder builder, string connectionString)
    {
        ArgumentException.ThrowIfNullOrEmpty(connectionString);
        return builder.UseRedisSessionStore(options => options.ConnectionString = connectionString);
    }

    /// <summary>Uses Redis as session store.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets the options. A connection set here replaces one set before.</param>
    public static IDistributedWebSocketsBuilder UseRedisSessionStore(this IDistributedWebSocketsBuilder builder, Action<RedisSessionStoreOptions> configure)
    {
        AddOptions(builder, configure);
        return builder.UseSessionStore<RedisSessionStore>().UseConnectionTicketStore<RedisConnectionTicketStore>();
    }

    /// <summary>Uses Redis as session store over a connection of the app.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connectionMultiplexer">The connection. It stays the app's and is not disposed.</param>
    public static IDistributedWebSocketsBuilder UseRedisSessionStore(this IDistributedWebSocketsBuilder builder, IConnectionMultiplexer connectionMultiplexer)
    {
        ArgumentNullException.ThrowIfNull(connectionMultiplexer);
        return builder.UseRedisSessionStore(options => options.ConnectionMultiplexer = connectionMultiplexer);
    }

    private static void AddOptions<TOptions>(IDistributedWebSocketsBuilder builder, Action<TOptions> configure)
        where TOptions : class, IRedisConnectionOptions, new()
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configure);
        builder.Services.TryAddSingleton(TimeProvider.System);

        // The keys of all three, also where one is used alone: they share a section.
        builder.BindOptions(Section<RedisBackplaneOptions>()).BindOptions(Section<RedisMessageLogOptions>()).BindOptions(Section<RedisSessionStoreOptions>());
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<TOptions>, RedisConnectionOptionsValidator<TOptions>>());
        builder.Services.AddOptions<TOptions>().Configure(options => Replace(configure, options)).ValidateOnStart();
    }

    private static OptionsSection<TOptions> Section<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TOptions>()
        where TOptions : class, IRedisConnectionOptions =>
        new OptionsSection<TOptions>("Redis").AddList<RedisServerOptions>(
            nameof(RedisOptions.Servers),
            static connectionString => new() { ConnectionString = connectionString },
            static (options, servers) =>
            {
                if (options.ConnectionString is not null)
                {
                    throw new OptionsValidationException(
                        Options.Options.DefaultName, typeof(TOptions), ["DistributedWebSockets:Redis has ConnectionString and Servers. Leave out one of them."]);
                }

                options.TakeServers(servers);
            });

    private static IBackplane CreateBackplane(IServiceProvider services)
    {
        var options = services.GetRequiredService<IOptions<RedisBackplaneOptions>>();
        var clusterOptions = services.GetRequiredService<IOptions<DistributedWebSocketsClusterOptions>>();
        var time = services.GetRequiredService<TimeProvider>();
        var logger = services.GetService<ILogger<RedisBackplane>>();
        return options.Value switch
        {
            { Servers.Count: > 0 } several => RedisServersBackplane.Create(several, clusterOptions, time, services.GetService<ILoggerFactory>()),
            { ShardedPubSub: true } => new RedisShardedBackplane(options, clusterOptions, time, logger),
            _ => new RedisBackplane(options, clusterOptions, time, logger),
        };
    }

    /// <summary>Lets a connection set by a later call replace an earlier one of another kind.</summary>
    private static void Replace<TOptions>(Action<TOptions> configure, TOptions options)
        where TOptions : IRedisConnectionOptions
    {
        var (connectionString, configuration, multiplexer) = (options.ConnectionString, options.Configuration, options.ConnectionMultiplexer);
        RedisServerOptions[] servers = [.. options.Servers];
        (options.ConnectionString, options.Configuration, options.ConnectionMultiplexer) = (null, null, null);
        options.Servers.Clear();
        configure(options);
        if (options is { ConnectionString: null, Configuration: null, ConnectionMultiplexer: null, Servers.Count: 0 })
        {
            (options.ConnectionString, options.Configuration, options.ConnectionMultiplexer) = (connectionString, configuration, multiplexer);
            AddRange(options.Servers, servers);
        }
    }

    private static void Apply<TOptions>(Action<RedisOptions> configure, TOptions target)
        where TOptions : IRedisConnectionOptions
    {
        var source = new RedisOptions
        {
            OperationTimeout = target.OperationTimeout,
            ShardedPubSub = target is RedisBackplaneOptions { ShardedPubSub: true },
        };
        configure(source);
        target.Take(source);
        if (target is RedisBackplaneOptions backplane)
        {
            backplane.ShardedPubSub = source.ShardedPubSub;
        }
    }

    private static RedisServerOptions[] Servers(IEnumerable<string> connectionStrings)
    {
        ArgumentNullException.ThrowIfNull(connectionStrings);
        RedisServerOptions[] servers = [.. connectionStrings.Select(static connectionString => new RedisServerOptions { ConnectionString = connectionString })];
        return servers.Length > 0 ? servers : throw new ArgumentException("No server was given. Give the connection string of one at least.", nameof(connectionStrings));
    }

    private static void AddRange(IList<RedisServerOptions> target, IEnumerable<RedisServerOptions> servers)
    {
        foreach (var server in servers)
        {
            target.Add(server);
        }
    }
}
