using DistributedSockets;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Uses Redis as backplane, session store or both. The last call wins.</summary>
/// <remarks>
/// Backplane and session store each open a connection of their own unless the app hands in one, so that a large answer
/// to a query never delays messages.
/// </remarks>
public static class RedisDistributedWebSocketsBuilderExtensions
{
    /// <summary>Uses Redis as backplane and session store.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connectionString">The StackExchange.Redis configuration string.</param>
    public static IDistributedWebSocketsBuilder UseRedis(this IDistributedWebSocketsBuilder builder, string connectionString) =>
        builder.UseRedisBackplane(connectionString).UseRedisSessionStore(connectionString);

    /// <summary>Uses Redis as backplane and session store.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets the options of both.</param>
    public static IDistributedWebSocketsBuilder UseRedis(this IDistributedWebSocketsBuilder builder, Action<RedisOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return builder.UseRedisBackplane(options => Apply(configure, options)).UseRedisSessionStore(options => Apply(configure, options));
    }

    /// <summary>Uses Redis as backplane and session store over a connection of the app.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connectionMultiplexer">The connection. It stays the app's and is not disposed.</param>
    public static IDistributedWebSocketsBuilder UseRedis(this IDistributedWebSocketsBuilder builder, IConnectionMultiplexer connectionMultiplexer) =>
        builder.UseRedisBackplane(connectionMultiplexer).UseRedisSessionStore(connectionMultiplexer);

    /// <summary>Uses Redis as backplane.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connectionString">The StackExchange.Redis configuration string.</param>
    public static IDistributedWebSocketsBuilder UseRedisBackplane(this IDistributedWebSocketsBuilder builder, string connectionString)
    {
        ArgumentException.ThrowIfNullOrEmpty(connectionString);
        return builder.UseRedisBackplane(options => options.ConnectionString = connectionString);
    }

    /// <summary>Uses Redis as backplane.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets the options. A connection set here replaces one set before.</param>
    public static IDistributedWebSocketsBuilder UseRedisBackplane(this IDistributedWebSocketsBuilder builder, Action<RedisBackplaneOptions> configure)
    {
        AddOptions(builder, configure);
        return builder.UseBackplane<RedisBackplane>();
    }

    /// <summary>Uses Redis as backplane over a connection of the app.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connectionMultiplexer">The connection. It stays the app's and is not disposed.</param>
    public static IDistributedWebSocketsBuilder UseRedisBackplane(this IDistributedWebSocketsBuilder builder, IConnectionMultiplexer connectionMultiplexer)
    {
        ArgumentNullException.ThrowIfNull(connectionMultiplexer);
        return builder.UseRedisBackplane(options => options.ConnectionMultiplexer = connectionMultiplexer);
    }

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
        return builder.UseSessionStore<RedisSessionStore>();
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
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<TOptions>, RedisConnectionOptionsValidator<TOptions>>());
        builder.Services.AddOptions<TOptions>().Configure(options => Replace(configure, options)).ValidateOnStart();
    }

    /// <summary>Lets a connection set by a later call replace an earlier one of another kind.</summary>
    private static void Replace<TOptions>(Action<TOptions> configure, TOptions options)
        where TOptions : IRedisConnectionOptions
    {
        var (connectionString, configuration, multiplexer) = (options.ConnectionString, options.Configuration, options.ConnectionMultiplexer);
        (options.ConnectionString, options.Configuration, options.ConnectionMultiplexer) = (null, null, null);
        configure(options);
        if (options is { ConnectionString: null, Configuration: null, ConnectionMultiplexer: null })
        {
            (options.ConnectionString, options.Configuration, options.ConnectionMultiplexer) = (connectionString, configuration, multiplexer);
        }
    }

    private static void Apply(Action<RedisOptions> configure, IRedisConnectionOptions target)
    {
        var source = new RedisOptions { OperationTimeout = target.OperationTimeout };
        configure(source);
        target.ConnectionString = source.ConnectionString;
        target.Configuration = source.Configuration;
        target.ConnectionMultiplexer = source.ConnectionMultiplexer;
        target.OperationTimeout = source.OperationTimeout;
    }
}
