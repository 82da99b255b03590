using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Settings of the Redis backplane.</summary>
/// <remarks>
/// Set exactly one of <see cref="ConnectionString"/>, <see cref="Configuration"/>, <see cref="ConnectionMultiplexer"/> and <see cref="Servers"/>.
/// The key and channel prefix is <see cref="DistributedWebSocketsClusterOptions.Prefix"/>. Bound from the configuration section
/// <c>DistributedWebSockets:Redis</c>; read once, at construction.
/// </remarks>
public sealed class RedisBackplaneOptions : IRedisConnectionOptions
{
    internal const int MinMaxPendingBytes = 1024 * 1024;

    private const int DefaultMaxPendingBytes = 64 * 1024 * 1024;

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

    /// <summary>Gets several independent servers over which channels are spread.</summary>
    /// <value>The default is empty.</value>
    /// <remarks>
    /// Each channel belongs to one server, by its name and that of the channel; while a server is away only what belongs to it is. All
    /// nodes and workers of a cluster must have the same servers, in any order.
    /// </remarks>
    public IList<RedisServerOptions> Servers { get; } = [];

    /// <summary>Gets or sets how long a publish, a subscribe and the first connect may take.</summary>
    /// <value>The default is 1.5 seconds; 100 milliseconds to 60 seconds.</value>
    public TimeSpan OperationTimeout { get; set; } = RedisConnection.DefaultOperationTimeout;

    /// <summary>Gets or sets how many bytes of messages may wait for the answer of a server at once. Further publishes fail.</summary>
    /// <value>The default is 64 MiB; 1 MiB to 2 GiB less one byte. A message that waits alone may be larger.</value>
    /// <remarks>
    /// Each message is copied until Redis has answered, or has not for too long. With <see cref="Servers"/> and <see cref="ShardedPubSub"/> it is
    /// the bound of each server.
    /// </remarks>
    public int MaxPendingBytes { get; set; } = DefaultMaxPendingBytes;

    /// <summary>Gets or sets whether the backplane uses sharded pub/sub, which spreads the channels over the primaries of a Redis Cluster.</summary>
    /// <value>The default is <see langword="false"/>: every node of a cluster carries every message.</value>
    /// <remarks>
    /// Needs a Redis Cluster of version 7 or later, and a connection of our own: <see cref="ConnectionMultiplexer"/> cannot be used. All nodes
    /// and workers of one cluster must set it alike, or they do not hear each other.
    /// </remarks>
    public bool ShardedPubSub { get; set; }

    /// <summary>The options for one of the servers alone.</summary>
    internal RedisBackplaneOptions For(RedisServerOptions server) => new()
    {
        ConnectionString = server.ConnectionString,
        Configuration = server.Configuration,
        ConnectionMultiplexer = server.ConnectionMultiplexer,
        OperationTimeout = OperationTimeout,
        MaxPendingBytes = MaxPendingBytes,
    };

    void IRedisConnectionOptions.TakeServers(IEnumerable<RedisServerOptions> servers)
    {
        foreach (var server in servers)
        {
            Servers.Add(server);
        }
    }
}
