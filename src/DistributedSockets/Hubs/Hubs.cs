using System.Collections.Concurrent;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>The hubs this process speaks to or holds connections of.</summary>
internal sealed class Hubs(
    IOptions<DistributedWebSocketsClusterOptions> cluster, LocalNode node, SessionChanges changes, IOptionsMonitor<HubOptions> options)
{
    private readonly string _prefix = cluster.Value.Prefix;
    private readonly string _nodeId = node.Info.NodeId;
    private readonly RoutingStrategy _routing = cluster.Value.Routing;
    private readonly SessionChanges _changes = changes;
    private readonly IOptionsMonitor<HubOptions> _options = options;
    private readonly ConcurrentDictionary<string, HubConnections> _hubs = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Type> _handlers = new(StringComparer.Ordinal);

    internal ICollection<HubConnections> All => _hubs.Values;

    /// <exception cref="OptionsValidationException">The options of the hub cannot be used.</exception>
    internal HubConnections Get(string name) => _hubs.GetOrAdd(
        name, static (name, hubs) => new(name, hubs._prefix, hubs._nodeId, hubs._routing, hubs._changes, hubs._options.Get(name)), this);

    /// <summary>Gets a hub if this process has to do with it.</summary>
    internal HubConnections? Find(ReadOnlySpan<char> name) =>
        _hubs.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out var hub) ? hub : null;

    /// <summary>The hub of a channel, <c>{prefix}:v1:{hub}:…</c>, if this process has to do with it.</summary>
    internal HubConnections? OfChannel(string channel)
    {
        var rest = channel.AsSpan();
        for (var i = 0; i < 2; i++)
        {
            var colon = rest.IndexOf(':');
            if (colon < 0)
            {
                return null;
            }

            rest = rest[(colon + 1)..];
        }

        var end = rest.IndexOf(':');
        return end < 0 ? null : Find(rest[..end]);
    }

    /// <summary>Refuses two handlers with one hub, whose connections would hear each other by accident.</summary>
    internal void Claim(string name, Type handler)
    {
        var owner = _handlers.GetOrAdd(name, handler);
        if (owner != handler)
        {
            throw new InvalidOperationException(
                $"Hub '{name}' belongs to {owner} already, so {handler} cannot use it. Put [WebSocketHub(\"name\")] on one of them, or give another hub name.");
        }
    }

    internal int CountConnections()
    {
        var count = 0;
        foreach (var (_, hub) in _hubs)
        {
            count += hub.Count;
        }

        return count;
    }

    /// <summary>How long the clients of any hub may take to answer a close frame.</summary>
    internal TimeSpan LongestCloseTimeout()
    {
        var longest = TimeSpan.Zero;
        foreach (var (_, hub) in _hubs)
        {
            longest = hub.Options.CloseTimeout > longest ? hub.Options.CloseTimeout : longest;
        }

        return longest;
    }

    internal long CountQueuedBytes()
    {
        var bytes = 0L;
        foreach (var (_, hub) in _hubs)
        {
            foreach (var connection in hub.All)
            {
                bytes += connection.Queue.QueuedBytes;
            }
        }

        return bytes;
    }

    internal long CountDirect()
    {
        var count = 0L;
        foreach (var (_, hub) in _hubs)
        {
            foreach (var connection in hub.All)
            {
                count += connection.Queue.IsDirect ? 1 : 0;
            }
        }

        return count;
    }
}
