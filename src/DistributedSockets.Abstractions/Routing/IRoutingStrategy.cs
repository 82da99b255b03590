namespace DistributedSockets;

/// <summary>Decides which channels of the backplane carry what is sent to users and groups.</summary>
/// <remarks>
/// All nodes and workers of a cluster must use the same strategy: a node subscribes to the channels that its own strategy names, and
/// hears nothing of what another publishes elsewhere. <see cref="RoutingStrategy"/> has the two that come with the library.
/// Everyone (<c>all</c>) and single connections (<c>node:…</c>) have channels of their own, which no strategy changes.
/// </remarks>
public interface IRoutingStrategy
{
    /// <summary>Gets the channels of one hub. Called once for each hub of a process, and at start for samples.</summary>
    /// <param name="hub">The hub's name.</param>
    /// <param name="prefix">
    /// What every channel of the hub begins with, such as <c>distributed-sockets:v1:chat:</c>; at most 133 bytes.
    /// </param>
    IHubChannels GetChannels(string hub, string prefix);
}
