namespace DistributedSockets;

/// <summary>What every node and worker of a cluster must agree on.</summary>
/// <remarks>Bound from the configuration section <c>DistributedWebSockets</c>.</remarks>
public sealed class DistributedWebSocketsClusterOptions
{
    /// <summary>The default of <see cref="Prefix"/>.</summary>
    public const string DefaultPrefix = "distributed-sockets";

    /// <summary>Gets or sets the prefix of every channel and key. Clusters with different prefixes do not hear each other.</summary>
    /// <value>The default is <c>distributed-sockets</c>; 1 to 64 letters, digits, dots, hyphens or underscores.</value>
    public string Prefix { get; set; } = DefaultPrefix;

    /// <summary>Gets or sets which channels carry what is sent to users and groups.</summary>
    /// <value>The default is <see cref="RoutingStrategy.Interest"/>.</value>
    public RoutingStrategy Routing { get; set; }
}
