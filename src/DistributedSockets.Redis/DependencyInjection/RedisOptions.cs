using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Settings of the Redis backplane, the Redis message log and the Redis session store at once.</summary>
/// <remarks>
/// Set exactly one of <see cref="ConnectionString"/>, <see cref="Configuration"/>, <see cref="ConnectionMultiplexer"/> and <see cref="Servers"/>.
/// The key and channel prefix is <see cref="DistributedWebSocketsClusterOptions.Prefix"/>. Bound from the configuration section
/// <c>DistributedWebSockets:Redis</c>; read once, at construction.
/// </remarks>
public sealed class RedisOptions : IRedisConnectionOptions
{
    /// <summary>Gets or sets the StackExchange.Redis configuration string.</summary>
    /// <value>There is no default: a wrong host must not look like an empty cluster.</value>
    /// <remarks>The connection is ours: opened at start, closed at the end. See <see cref="Configuration"/> for what we set in it.</remarks>
    public string? ConnectionString { get; set; }

    /// <summary>Gets or sets the StackExchange.Redis configuration, for what a string cannot say.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    /// <remarks>
    /// Copied. In the copy <see cref="ConfigurationOptions.AbortOnConnectFail"/> is off and
    /// <see cref="ConfigurationOptions.BacklogPolicy"/> is <see cref="BacklogPolicy.FailFast"/>, so that an outage neither
    /// stops the host nor delays commands; an <see cref="ExponentialRetry"/>, which is what it has unless told otherwise,
    /// is replaced by one from 200 ms to 5 s. <see cref="ConfigurationOptions.ConfigCheckSeconds"/> is 5 at most. With a
    /// <see cref="ConfigurationOptions.ServiceName"/> the endpoints are sentinels, and the connection leads to the primary that they name.
    /// </remarks>
    public ConfigurationOptions? Configuration { get; set; }

    /// <summary>Gets or sets a connection of the app.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    /// <remarks>
    /// It stays the app's: it is never disposed or reconfigured here. With the default backlog policy, commands that time
    /// out here during an outage may still be carried out after it.
    /// </remarks>
    public IConnectionMultiplexer? ConnectionMultiplexer { get; set; }

    /// <summary>Gets several independent servers over which the channels of the backplane are spread.</summary>
    /// <value>The default is empty.</value>
    /// <remarks>
    /// Message log and session store use one of them, whose name comes first in ordinal order. See <see cref="RedisBackplaneOptions.Servers"/>.
    /// </remarks>
    public IList<RedisServerOptions> Servers { get; } = [];

    /// <summary>Gets or sets how long one exchange with Redis may take.</summary>
    /// <value>The default is 1.5 seconds; 100 milliseconds to 60 seconds.</value>
    public TimeSpan OperationTimeout { get; set; } = RedisConnection.DefaultOperationTimeout;

    /// <summary>Gets or sets whether the backplane uses sharded pub/sub, which spreads the channels over the primaries of a Redis Cluster.</summary>
    /// <value>The default is <see langword="false"/>: every node of a cluster carries every message.</value>
    /// <remarks>
    /// Needs a Redis Cluster of version 7 or later, and a connection of our own: <see cref="ConnectionMultiplexer"/> cannot be used. All nodes
    /// and workers of one cluster must set it alike, or they do not hear each other.
    /// </remarks>
    public bool ShardedPubSub { get; set; }

    void IRedisConnectionOptions.TakeServers(IEnumerable<RedisServerOptions> servers)
    {
        foreach (var server in servers)
        {
            Servers.Add(server);
        }
    }
}
