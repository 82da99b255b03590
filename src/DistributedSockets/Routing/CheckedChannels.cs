namespace DistributedSockets;

/// <summary>Refuses channels that the contract of <see cref="IHubChannels"/> forbids.</summary>
internal sealed class CheckedChannels(IHubChannels channels, string prefix) : IHubChannels
{
    private const int MaxBytes = 1_024;
    private const string NodeKind = "node:";

    public string GetUserChannel(string userId) => Check(channels.GetUserChannel(userId));

    public string GetGroupChannel(string group) => Check(channels.GetGroupChannel(group));

    private string Check(string? channel)
    {
        if (channel is null || channel.Length <= prefix.Length || !channel.StartsWith(prefix, StringComparison.Ordinal))
        {
            throw Refused(channel, $"It must begin with '{prefix}' and have at least one character more.");
        }

        if (channel.AsSpan(prefix.Length).StartsWith(NodeKind, StringComparison.Ordinal))
        {
            throw Refused(channel, $"Channels with '{NodeKind}' there are the nodes' own.");
        }

        return Names.CountBytes(channel) switch
        {
            < 0 => throw Refused(channel, "It contains half of a surrogate pair, which UTF-8 cannot express."),
            > MaxBytes => throw Refused($"{channel[..64]}…", $"It may have {MaxBytes} bytes of UTF-8."),
            _ => channel,
        };
    }

    private InvalidOperationException Refused(string? channel, string rule) =>
        new($"{channels.GetType()} named the channel '{channel}', which is against the contract of IHubChannels. {rule}");
}
