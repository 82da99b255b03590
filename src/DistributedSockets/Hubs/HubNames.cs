using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>Names the hubs of handlers, and warns once of each name that a class has lent where other processes must use the same.</summary>
internal sealed partial class HubNames(IBackplane backplane, FailSafeLogger<HubNames> logger)
{
    private readonly ConcurrentDictionary<Type, string> _names = new();

    /// <exception cref="ArgumentException">The hub would have a name of another form.</exception>
    internal string Of(Type handler)
    {
        if (_names.TryGetValue(handler, out var known))
        {
            return known;
        }

        var name = HubName.Of(handler);
        if (_names.TryAdd(handler, name) && !HubName.IsExplicit(handler) && backplane.System != InMemoryBackplane.SystemName)
        {
            Log.NamedAfterClass(logger, name, handler);
        }

        return name;
    }

    private static partial class Log
    {
        [LoggerMessage(210, LogLevel.Warning, "Hub '{Hub}' takes its name from the class {Handler}. If the class is renamed, the nodes and workers that have the new name no longer hear those that have the old one. Put [WebSocketHub(\"{Hub}\")] on the class, so that the name stays.")]
        public static partial void NamedAfterClass(ILogger logger, string hub, Type handler);
    }
}
