namespace DistributedSockets;

/// <summary>Says in a node's record which presence it keeps for the hubs whose connections it holds, so that others notice what differs.</summary>
internal static class PresenceScopes
{
    /// <summary>Writes what the hubs have; null if none of them is served here.</summary>
    internal static string? Write(IEnumerable<HubConnections> hubs)
    {
        var scopes = string.Join(',', hubs.Where(static hub => hub.IsServed).OrderBy(static hub => hub.Name, StringComparer.Ordinal)
            .Select(static hub => $"{hub.Name}={Word(hub.Options.Presence)}"));
        return scopes.Length == 0 ? null : scopes;
    }

    /// <summary>Whether two nodes keep the same for all hubs that both of them serve.</summary>
    internal static bool Agree(string own, string theirs)
    {
        var ours = Read(own);
        return Read(theirs).All(hub => !ours.TryGetValue(hub.Key, out var scope) || scope == hub.Value);
    }

    private static string Word(PresenceScope scope) => scope switch
    {
        PresenceScope.None => "none",
        PresenceScope.Users => "users",
        _ => "groups",
    };

    private static Dictionary<string, string> Read(string scopes)
    {
        var read = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var hub in scopes.Split(','))
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
