using System.Security.Cryptography;
using System.Text;

namespace DistributedSockets;

/// <summary>The strategy of this process: checked, and told apart from others by what it does.</summary>
internal sealed class ChannelRouting
{
    private const int Samples = 32;
    private const int ShownBytes = 8;

    private static readonly string s_interest = Fingerprint(RoutingStrategy.Interest);
    private static readonly string s_broadcast = Fingerprint(RoutingStrategy.Broadcast);

    private readonly IRoutingStrategy _strategy;

    /// <exception cref="InvalidOperationException">The strategy breaks its contract with the first names it is given.</exception>
    public ChannelRouting(IRoutingStrategy strategy)
    {
        _strategy = strategy;
        var fingerprint = Fingerprint(strategy);
        if (Fingerprint(strategy) != fingerprint)
        {
            throw new InvalidOperationException(
                $"Routing strategy {strategy.GetType()} named two channels for one user or group. It must always name the same one, on every node.");
        }

        Id = fingerprint == s_interest ? "interest" : fingerprint == s_broadcast ? "broadcast" : fingerprint;
    }

    /// <summary>What other nodes compare: equal for strategies that name the same channels for some sample names.</summary>
    internal string Id { get; }

    internal IHubChannels GetChannels(string hub, string prefix) => GetChannels(_strategy, hub, prefix);

    private static IHubChannels GetChannels(IRoutingStrategy strategy, string hub, string prefix)
    {
        var channels = strategy.GetChannels(hub, prefix) ?? throw new InvalidOperationException(
            $"Routing strategy {strategy.GetType()} has no channels for hub '{hub}'. It must return some for every hub.");
        var isOurs = ReferenceEquals(strategy, RoutingStrategy.Interest) || ReferenceEquals(strategy, RoutingStrategy.Broadcast);
        return isOurs ? channels : new CheckedChannels(channels, prefix);
    }

    private static string Fingerprint(IRoutingStrategy strategy)
    {
        var channels = GetChannels(strategy, HubName.Default, $"sample:v1:{HubName.Default}:");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var i = 0; i < Samples; i++)
        {
            var name = $"sample-{i}";
            Add(channels.GetUserChannel(name));
            Add(channels.GetGroupChannel(name));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, ShownBytes));

        void Add(string channel)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(channel));
            hash.AppendData([0xFF]); // in no UTF-8
        }
    }
}
