namespace DistributedSockets;

/// <summary>A channel for each user and group.</summary>
internal sealed class InterestRouting : IRoutingStrategy
{
    public IHubChannels GetChannels(string hub, string prefix) => new Channels(prefix);

    private sealed class Channels(string prefix) : IHubChannels
    {
        public string GetUserChannel(string userId) => $"{prefix}user:{userId}";

        public string GetGroupChannel(string group) => $"{prefix}group:{group}";
    }
}
