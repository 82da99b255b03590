namespace DistributedSockets.Tests;

/// <summary>Spreads users and groups over a few channels, as an app might.</summary>
internal sealed class SharedChannelRouting(int channels) : IRoutingStrategy
{
    public IHubChannels GetChannels(string hub, string prefix) => new Channels([.. Enumerable.Range(0, channels).Select(i => $"{prefix}shared-{i}")]);

    private sealed class Channels(string[] channels) : IHubChannels
    {
        public string GetUserChannel(string userId) => channels[Hash(userId) % channels.Length];

        public string GetGroupChannel(string group) => channels[Hash(group) % channels.Length];

        private static int Hash(string name) => name.Sum(static letter => letter);
    }
}
