namespace DistributedSockets;

/// <summary>Settings of hubs as they stand in a node's record, such as <c>chat=users,game=none</c>, compared with those of another node.</summary>
internal static class HubSettings
{
    /// <summary>Whether two nodes have the same for all hubs that both of them name.</summary>
    internal static bool Agree(string own, string theirs)
    {
        var ours = Read(own);
        return Read(theirs).All(hub => !ours.TryGetValue(hub.Key, out var setting) || setting == hub.Value);
    }

    private static Dictionary<string, string> Read(string settings)
    {
        var read = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var hub in settings.Split(','))
        {
            var equals = hub.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
            {
                read[hub[..equals]] = hub[(equals + 1)..];
            }
        }

        return read;
    }
}
