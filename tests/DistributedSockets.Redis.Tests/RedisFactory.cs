using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets.Redis.Tests;

/// <summary>Creates what is tested, without a host around it.</summary>
internal static class RedisFactory
{
    // Longer than the default, as a busy machine that runs servers and tests at once may take its time.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static RedisBackplane Backplane(
        string connectionString,
        Action<RedisBackplaneOptions>? configure = null,
        ILogger<RedisBackplane>? logger = null,
        string prefix = DistributedWebSocketsClusterOptions.DefaultPrefix)
    {
        var options = new RedisBackplaneOptions { ConnectionString = connectionString, OperationTimeout = Patience };
        configure?.Invoke(options);
        return new RedisBackplane(
            Options.Create(options), Options.Create(new DistributedWebSocketsClusterOptions { Prefix = prefix }), TimeProvider.System, logger);
    }

    /// <summary>Several servers as one backplane.</summary>
    public static RedisServersBackplane Backplane(
        IEnumerable<string> connectionStrings,
        Action<RedisBackplaneOptions>? configure = null,
        string prefix = DistributedWebSocketsClusterOptions.DefaultPrefix,
        ILoggerFactory? loggers = null)
    {
        var options = new RedisBackplaneOptions { OperationTimeout = Patience };
        foreach (var connectionString in connectionStrings)
        {
            options.Servers.Add(new() { ConnectionString = connectionString });
        }

        configure?.Invoke(options);
        return RedisServersBackplane.Create(
            options, Options.Create(new DistributedWebSocketsClusterOptions { Prefix = prefix }), TimeProvider.System, loggers);
    }

    public static RedisShardedBackplane ShardedBackplane(
        string connectionString,
        Action<RedisBackplaneOptions>? configure = null,
        ILogger<RedisBackplane>? logger = null,
        string prefix = DistributedWebSocketsClusterOptions.DefaultPrefix)
    {
        var options = new RedisBackplaneOptions { ConnectionString = connectionString, OperationTimeout = Patience, ShardedPubSub = true };
        configure?.Invoke(options);
        return new RedisShardedBackplane(
            Options.Create(options), Options.Create(new DistributedWebSocketsClusterOptions { Prefix = prefix }), TimeProvider.System, logger);
    }

    public static RedisMessageLog MessageLog(
        string connectionString,
        string prefix,
        Action<RedisMessageLogOptions>? configure = null,
        ILogger<RedisMessageLog>? logger = null)
    {
        var options = new RedisMessageLogOptions { ConnectionString = connectionString, OperationTimeout = Patience };
        configure?.Invoke(options);
        return new(Options.Create(options), Options.Create(new DistributedWebSocketsClusterOptions { Prefix = prefix }), TimeProvider.System, logger);
    }

    public static RedisConnectionTicketStore TicketStore(string connectionString, string prefix, Action<RedisSessionStoreOptions>? configure = null)
    {
        var options = new RedisSessionStoreOptions { ConnectionString = connectionString, OperationTimeout = Patience };
        configure?.Invoke(options);
        return new(Options.Create(options), Options.Create(new DistributedWebSocketsClusterOptions { Prefix = prefix }), TimeProvider.System);
    }

    public static RedisSessionStore SessionStore(
        string connectionString,
        string prefix,
        Action<RedisSessionStoreOptions>? configure = null,
        ILogger<RedisSessionStore>? logger = null,
        TimeProvider? time = null)
    {
        var options = new RedisSessionStoreOptions { ConnectionString = connectionString, OperationTimeout = Patience };
        configure?.Invoke(options);
        return new RedisSessionStore(
            Options.Create(options), Options.Create(new DistributedWebSocketsClusterOptions { Prefix = prefix }), time ?? TimeProvider.System, logger);
    }
}
