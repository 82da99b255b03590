namespace DistributedSockets;

/// <summary>Changes the groups of this node's connections, and keeps a channel subscribed for each group that has members here.</summary>
internal sealed class GroupManager(ChannelSubscriptions subscriptions, NodeState node)
{
    /// <summary>Adds a connection; when it is done, sends from every node reach it, unless the backplane is away.</summary>
    /// <remarks>
    /// While the backplane is away nothing comes from other nodes anyhow, and the outage is reported: the connection joins, and the
    /// channel follows with all others when the backplane is back.
    /// </remarks>
    /// <returns>False if the connection has gone.</returns>
    /// <exception cref="BackplaneUnavailableException">The backplane failed. The connection is not in the group.</exception>
    internal async ValueTask<bool> AddAsync(HubRegistry hub, Connection connection, string group)
    {
        // Subscribed first: a member must not exist before its channel, nor after a subscribe that failed.
        var channel = hub.GroupChannel(group);
        try
        {
            await subscriptions.AcquireAsync(channel, keep: false);
        }
        catch (BackplaneUnavailableException) when (node.IsBackplaneAway)
        {
            subscriptions.AcquireLater(channel);
        }

        var joined = hub.AddToGroup(connection, group);
        if (joined != true)
        {
            subscriptions.Release(channel);
        }

        return joined is not null;
    }

    internal void Remove(HubRegistry hub, Connection connection, string group)
    {
        if (hub.RemoveFromGroup(connection, group))
        {
            subscriptions.Release(hub.GroupChannel(group));
        }
    }

    internal void RemoveFromAll(HubRegistry hub, Connection connection)
    {
        foreach (var group in hub.GroupsOf(connection))
        {
            Remove(hub, connection, group);
        }
    }
}
