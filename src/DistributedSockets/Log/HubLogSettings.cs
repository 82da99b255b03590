namespace DistributedSockets;

/// <summary>Says in a node's record what is logged of the hubs that it has to do with, so that others notice what differs.</summary>
internal static class HubLogSettings
{
    private const string Off = "off";

    /// <summary>Writes what the hubs have; null if there are none.</summary>
    /// <param name="hubs">The hubs, served here or only sent to: a worker without the log would send past it.</param>
    /// <param name="system">What keeps the logs.</param>
    internal static string? Write(IEnumerable<HubConnections> hubs, string system)
    {
        var settings = string.Join(',', hubs.OrderBy(static hub => hub.Name, StringComparer.Ordinal)
            .Select(hub => $"{hub.Name}={hub.Log?.Describe(system) ?? Off}"));
        return settings.Length == 0 ? null : settings;
    }
}
