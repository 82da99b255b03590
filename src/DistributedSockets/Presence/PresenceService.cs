using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>The presence of this node's hubs: those that have it switched on, and nothing for the others.</summary>
internal sealed partial class PresenceService(
    Hubs hubs,
    ISessionStore sessions,
    IBackplane backplane,
    LocalNode node,
    NodeHealth health,
    PresenceEvents events,
    BackplanePublisher publisher,
    EnvelopeWriter envelopes,
    ChannelSubscriptions subscriptions,
    LossReporter losses,
    IOptions<DistributedWebSocketsOptions> options,
    TimeProvider time,
    FailSafeLogger<PresenceService> logger)
{
    /// <summary>How long the end of the last connections may take to be written and told.</summary>
    private static readonly TimeSpan s_lastWords = NodeService.LastWords / 2;

    private readonly ConcurrentDictionary<HubConnections, PresenceWriter> _writers = new();
    private readonly ConcurrentDictionary<HubConnections, PresenceRoster> _rosters = new();

    /// <summary>Begins with the hubs that are known by now; others follow at the next beat.</summary>
    /// <exception cref="InvalidOperationException">A hub has presence, and the session store cannot keep it.</exception>
    internal void Start()
    {
        events.Start();
        StartWriters();
    }

    /// <summary>The node has renewed its lease.</summary>
    internal void Beat()
    {
        StartWriters();
        foreach (var (_, writer) in _writers)
        {
            writer.Beat();
        }

        foreach (var (_, roster) in _rosters)
        {
            roster.Beat();
        }
    }

    /// <summary>Gets the roster of a hub; the same one each time.</summary>
    internal PresenceRoster GetRoster(HubConnections hub) => _rosters.GetOrAdd(
        hub,
        static (hub, service) => new(
            hub, service.Node, service.Health, service.Subscriptions, () => service.StoreFor(hub), service.Losses, service.LeaseExpiry, service.Time, service.Logger),
        this);

    /// <summary>Writes and tells what is left, for as long as the token allows.</summary>
    internal async Task StopAsync(CancellationToken cancellationToken)
    {
        using var limit = new TimeLimit(s_lastWords, time, cancellationToken);
        await Task.WhenAll(
            [.. _writers.Values.Select(writer => writer.StopAsync(limit.Token)), .. _rosters.Values.Select(roster => roster.StopAsync(limit.Token))]);
        await events.StopAsync(cancellationToken);
    }

    private LocalNode Node => node;

    private NodeHealth Health => health;

    private ChannelSubscriptions Subscriptions => subscriptions;

    private LossReporter Losses => losses;

    private TimeSpan LeaseExpiry => options.Value.LeaseExpiry;

    private TimeProvider Time => time;

    private FailSafeLogger Logger => logger;

    private IPresenceStore StoreFor(HubConnections hub) => sessions as IPresenceStore ?? throw new InvalidOperationException(
        $"Hub '{hub.Name}' has presence switched on, and the session store {sessions.GetType()} cannot keep it. " +
        "Use one that implements IPresenceStore, such as that of Redis or NATS, or set HubOptions.Presence to None.");

    private void StartWriters()
    {
        foreach (var hub in hubs.All)
        {
            if (hub.Presence is { } local && !_writers.ContainsKey(hub))
            {
                StartWriter(hub, local);
            }
        }
    }

    private void StartWriter(HubConnections hub, LocalPresence local)
    {
        var store = StoreFor(hub);
        if (sessions is InMemorySessionStore && backplane is not InMemoryBackplane)
        {
            Log.StoreIsOwn(logger, hub.Name);
        }

        var nodeId = node.Info.NodeId;
        var registration = new PresenceRegistration(hub.Name, local, store, nodeId, time, logger);
        var channel = new PresenceChannel(hub, publisher, envelopes);
        var writer = new PresenceWriter(hub, local, store, registration, channel, events, health, nodeId, time, logger);
        if (_writers.TryAdd(hub, writer))
        {
            writer.Start(new PresenceKeeper(hub.Name, sessions, registration, writer, nodeId, options, time, logger));
        }
    }

    private static partial class Log
    {
        [LoggerMessage(281, LogLevel.Warning, "Hub {Hub} has presence switched on, and the session store of this node is its own memory: it knows only the users of this node. Use a session store that all nodes share.")]
        public static partial void StoreIsOwn(ILogger logger, string hub);
    }
}
