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

    private static string Word(PresenceScope scope) => scope switch
    {
        PresenceScope.None => "none",
        PresenceScope.Users => "users",
        _ => "groups",
    };
}
