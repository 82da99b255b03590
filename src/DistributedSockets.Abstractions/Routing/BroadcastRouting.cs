namespace DistributedSockets;

/// <summary>The channel of everyone, for users and groups too.</summary>
/// <remarks>
/// No channel of its own: every node that holds a connection listens to this one anyhow, and what one node sends to users, groups and
/// everyone then has one order.
/// </remarks>
internal sealed class BroadcastRouting : IRoutingStrategy
{
    public IHubChannels GetChannels(string hub, string prefix) => new Channels($"{prefix}all");

    private sealed class Channels(string all) : IHubChannels
    {
        public string GetUserChannel(string userId) => all;

        public string GetGroupChannel(string group) => all;
    }
}
