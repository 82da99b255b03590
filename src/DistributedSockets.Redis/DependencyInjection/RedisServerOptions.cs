using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>One of several independent Redis servers.</summary>
/// <remarks>
/// Set exactly one of <see cref="ConnectionString"/>, <see cref="Configuration"/> and <see cref="ConnectionMultiplexer"/>. A server may
/// as well be a primary with replicas behind sentinels.
/// </remarks>
public sealed class RedisServerOptions
{
    /// <summary>Gets or sets the name by which channels are assigned to the server.</summary>
    /// <value>
    /// The default is the addresses of the connection, in lower case and with their ports; 1 to 255 printable ASCII characters other than
    /// space and <c>=</c>.
    /// </value>
    /// <remarks>
    /// All nodes and workers of a cluster must use the same names for the same servers. Set it where they reach a server under different
    /// addresses, or where its address may change.
    /// </remarks>
    public string? Name { get; set; }

    /// <inheritdoc cref="RedisBackplaneOptions.ConnectionString"/>
    public string? ConnectionString { get; set; }

    /// <inheritdoc cref="RedisBackplaneOptions.Configuration"/>
    public ConfigurationOptions? Configuration { get; set; }

    /// <inheritdoc cref="RedisBackplaneOptions.ConnectionMultiplexer"/>
    public IConnectionMultiplexer? ConnectionMultiplexer { get; set; }
}
