namespace DistributedSockets;

/// <summary>The strategies that come with the library.</summary>
public static class RoutingStrategy
{
    /// <summary>A channel for each user and group, which a node subscribes to while it holds one of their connections. The default.</summary>
    /// <remarks>A message reaches only nodes that hold a receiver. The price is a subscription per user and group.</remarks>
    public static IRoutingStrategy Interest { get; } = new InterestRouting();

    /// <summary>One channel per hub, the one of everyone: each node takes every message and drops what is for nobody there.</summary>
    /// <remarks>
    /// Users and groups cost no subscription, and a join no round trip. The price is that each message reaches every node of the hub,
    /// and that all of a hub's messages go over one channel: several servers cannot share them. For few nodes, very many groups, or
    /// groups that nearly every node has members of.
    /// </remarks>
    public static IRoutingStrategy Broadcast { get; } = new BroadcastRouting();
}
