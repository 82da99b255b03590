using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Settings of the Redis session store.</summary>
/// <remarks>
/// Set exactly one of <see cref="ConnectionString"/>, <see cref="Configuration"/> and <see cref="ConnectionMultiplexer"/>.
/// The key and channel prefix is <see cref="DistributedWebSocketsClusterOptions.Prefix"/>. Bound from the configuration section
/// <c>DistributedWebSockets:Redis</c>; read once, at construction.
/// </remarks>
public sealed class RedisSessionStoreOptions : IRedisConnectionOptions
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

    /// <summary>Gets or sets how long one exchange with Redis may take; a member that needs several may take that long for each.</summary>
    /// <value>The default is 1.5 seconds; 100 milliseconds to 60 seconds.</value>
    public TimeSpan OperationTimeout { get; set; } = RedisConnection.DefaultOperationTimeout;

    /// <remarks>One store is simple and keeps its promises. Which one does not depend on the order in which a node has the servers.</remarks>
    /// <remarks>One store is simple and keeps its promises. Which one does not depend on the order in which a node has the servers.</remarks>
    void IRedisConnectionOptions.TakeServers(IEnumerable<RedisServerOptions> servers) => RedisServerName.TakeFirst(servers, this);
}
