using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Changes the groups of this node's connections, and keeps a channel subscribed for each group that has members here.</summary>
internal sealed class GroupMemberships(ChannelSubscriptions subscriptions, LocalNode node, IOptions<DistributedWebSocketsOptions> options)
{
    /// <summary>Adds a connection; when it is done, sends from every node reach it, unless the backplane is away.</summary>
    /// <remarks>
    /// While the backplane, or the channel's part of it, is away nothing comes from other nodes anyhow, and the outage is reported: the connection joins, and the
    /// channel follows with all others when the backplane is back.
    /// </remarks>
    /// <exception cref="BackplaneUnavailableException">The backplane failed, or refused the channel. The connection is not in the group.</exception>
    internal async ValueTask<RemoteCommandOutcome> AddAsync(HubConnections hub, Connection connection, string group)
    {
        var maxGroups = options.Value.MaxGroupsPerConnection;
        if (hub.IsFull(connection, group, maxGroups))
        {
            return RemoteCommandOutcome.TooManyGroups; // before it costs a round trip
        }

        // Subscribed first: a member must not exist before its channel, nor after a subscribe that failed.
        var channel = hub.GroupChannel(group);
        try
        {
            await subscriptions.AcquireAsync(channel, keep: false);
        }
        catch (BackplaneUnavailableException exception)
            when (exception is not BackplaneRefusedException && (node.IsBackplaneAway || node.IsBackplanePartlyAway))
        {
            subscriptions.AcquireLater(channel);
        }

        var join = hub.AddToGroup(connection, group, maxGroups);
        if (join != GroupJoin.Joined)
        {
            subscriptions.Release(channel);
        }

        return join switch
        {
            GroupJoin.Gone => RemoteCommandOutcome.NotFound,
            GroupJoin.TooMany => RemoteCommandOutcome.TooManyGroups,
            _ => RemoteCommandOutcome.Done,
        };
    }

    internal void Remove(HubConnections hub, Connection connection, string group)
    {
        if (hub.RemoveFromGroup(connection, group))
        {
            subscriptions.Release(hub.GroupChannel(group));
        }
    }

    internal void RemoveFromAll(HubConnections hub, Connection connection)
    {
        foreach (var group in hub.GroupsOf(connection))
        {
            Remove(hub, connection, group);
        }
    }
}
