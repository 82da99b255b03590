namespace DistributedSockets;

/// <summary>Which channels of the backplane carry what is sent to users and groups; see <see cref="DistributedWebSocketsClusterOptions.Routing"/>.</summary>
/// <remarks>Everyone and single connections have channels of their own with each of them. More may be added.</remarks>
public enum RoutingStrategy
{
    /// <summary>A channel for each user and group, which a node subscribes to while it holds one of their connections. The default.</summary>
    /// <remarks>A message reaches only nodes that hold a receiver. The price is a subscription per user and group.</remarks>
    Interest,

    /// <summary>One channel per hub, the one of everyone: each node takes every message and drops what is for nobody there.</summary>
    /// <remarks>
    /// Users and groups cost no subscription, and a join no round trip. The price is that each message reaches every node of the hub,
    /// and that all of a hub's messages go over one channel: several servers cannot share them. For few nodes, very many groups, or
    /// groups that nearly every node has members of.
    /// </remarks>
    Broadcast,
}
