using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Settings of the Redis message log.</summary>
/// <remarks>
/// Set exactly one of <see cref="ConnectionString"/>, <see cref="Configuration"/> and <see cref="ConnectionMultiplexer"/>. The key and channel
/// prefix is <see cref="DistributedWebSocketsClusterOptions.Prefix"/>. Bound from the configuration section <c>DistributedWebSockets:Redis</c>;
/// read once, at construction.
/// </remarks>
public sealed class RedisMessageLogOptions : IRedisConnectionOptions
{
    internal const int MinMaxPendingBytes = 1024 * 1024;
    internal const int MaxReplicas = 16;

    private const int DefaultMaxPendingBytes = 64 * 1024 * 1024;

    /// <summary>Gets or sets the StackExchange.Redis configuration string.</summary>
    /// <value>There is no default: a wrong host must not look like an empty log.</value>
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
    /// It stays the app's: it is never disposed or reconfigured here. With the default backlog policy, appends that time
    /// out here during an outage may still be carried out after it.
    /// </remarks>
    public IConnectionMultiplexer? ConnectionMultiplexer { get; set; }

    /// <summary>Gets or sets how long an append, a read, a subscribe and the first connect may take.</summary>
    /// <value>The default is 1.5 seconds; 100 milliseconds to 60 seconds.</value>
    public TimeSpan OperationTimeout { get; set; } = RedisConnection.DefaultOperationTimeout;

    /// <summary>Gets or sets how many bytes of entries may wait for the answer of Redis at once. Further appends fail.</summary>
    /// <value>The default is 64 MiB; 1 MiB to 2 GiB less one byte. An entry that waits alone may be larger.</value>
    public int MaxPendingBytes { get; set; } = DefaultMaxPendingBytes;

    /// <summary>Gets or sets how many replicas of Redis must have an entry before its append counts as done.</summary>
    /// <value>The default is 0: an append counts as done when the primary has the entry. At most 16.</value>
    /// <remarks>
    /// An append that too few replicas confirm within <see cref="OperationTimeout"/> throws and says that its outcome is unknown: nodes have
    /// been handed the entry by then, but a failover may lose it. Each append takes a round trip more. This makes losses at a failover rare,
    /// not impossible: Redis may still choose a replica that lacks the entry.
    /// </remarks>
    public int ReplicasToWaitFor { get; set; }

    /// <remarks>The whole log is at one server, as the session store is, and at the same one.</remarks>
    void IRedisConnectionOptions.TakeServers(IEnumerable<RedisServerOptions> servers) => RedisServerName.TakeFirst(servers, this);
}
