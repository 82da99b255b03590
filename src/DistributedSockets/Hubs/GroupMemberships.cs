namespace DistributedSockets;

/// <summary>Changes the groups of this node's connections, and keeps a channel subscribed for each group that has members here.</summary>
/// <remarks>
/// A join waits for its channel; nothing else waits. What takes a connection out of a group, or ends it, takes back a join that was begun
/// before and still waits: so the changes of one connection take effect in the order in which they were begun.
/// </remarks>
internal sealed class GroupMemberships(ChannelSubscriptions subscriptions, ConnectionLog log)
{
    /// <summary>Adds a connection; when it is done, sends from every node reach it, unless the backplane is away.</summary>
    /// <param name="hub">The hub of the connection.</param>
    /// <param name="connection">The connection.</param>
    /// <param name="group">The group.</param>
    /// <param name="cancellationToken">Takes the join back if it still waits and nobody else wants it.</param>
    /// <remarks>
    /// A subscribe that fails is an outage, whether or not it is known as one yet: the connection joins here, and the channel follows when the
    /// backplane is back, which is reported as possible loss. A handler that fails for it would keep its client out of the group for ever.
    /// </remarks>
    /// <exception cref="BackplaneRefusedException">The transport refused the channel. The connection is not in the group.</exception>
    internal ValueTask<RemoteCommandOutcome> AddAsync(HubConnections hub, Connection connection, string group, CancellationToken cancellationToken)
    {
        if (HubConnections.IsFull(connection, group, hub.Options.MaxGroupsPerConnection))
        {
            return new(RemoteCommandOutcome.TooManyGroups); // before it costs a round trip
        }

        var channel = hub.GroupChannel(group);
        PendingJoin? join;
        lock (connection.Joins)
        {
            join = connection.Joins.Find(group);
            if (join is null)
            {
                // Subscribed first: a member must not exist before its channel, nor after a subscribe that failed.
                var subscribing = subscriptions.AcquireAsync(channel, keep: false);
                if (subscribing.IsCompletedSuccessfully)
                {
                    return new(Land(hub, connection, group, channel));
                }

                join = connection.Joins.Begin(group);
                JoinAsync(hub, connection, group, channel, join, subscribing).Observe(); // ends the join, however it goes
            }

            join.Callers++;
        }

        return new(AwaitAsync(connection, group, join, cancellationToken));
    }

    /// <summary>Adds connections to a group, but for those whose session can be resumed; all joins are begun within the call.</summary>
    /// <param name="hub">The hub of the connections.</param>
    /// <param name="connections">The connections.</param>
    /// <param name="group">The group.</param>
    /// <param name="cancellationToken">As for one connection.</param>
    /// <returns>The worst that came of a join. Connections that end meanwhile are passed over.</returns>
    /// <exception cref="BackplaneRefusedException">As for one connection.</exception>
    internal async Task<RemoteCommandOutcome> AddAllAsync(
        HubConnections hub, IEnumerable<Connection> connections, string group, CancellationToken cancellationToken)
    {
        var joins = new List<Task<RemoteCommandOutcome>>();
        foreach (var connection in connections)
        {
            if (connection.Session is not null)
            {
                continue; // it joins by the log
            }

            joins.Add(AddAsync(hub, connection, group, cancellationToken).AsTask());
        }

        var outcomes = await Task.WhenAll(joins);
        return outcomes.Contains(RemoteCommandOutcome.TooManyGroups) ? RemoteCommandOutcome.TooManyGroups : RemoteCommandOutcome.Done;
    }

    /// <summary>Carries out what was asked for of the groups of a connection while it was being opened, now that the hub knows it.</summary>
    internal void Continue(HubConnections hub, Connection connection, OpeningConnection opening)
    {
        foreach (var channel in opening.Unneeded)
        {
            subscriptions.Release(channel);
        }

        foreach (var (group, join) in opening.Joins)
        {
            ContinueAsync(hub, connection, group, join).Observe(); // ends the join, however it goes
        }
    }

    internal void Remove(HubConnections hub, Connection connection, string group)
    {
        var join = connection.Joins.Take(group);
        if (hub.RemoveFromGroup(connection, group) is { } channel)
        {
            subscriptions.Release(channel);
        }

        join?.End(RemoteCommandOutcome.Done); // it came first, and the removal after it
    }

    internal void RemoveFromAll(HubConnections hub, Connection connection)
    {
        var joins = connection.Joins.TakeAll();
        foreach (var group in HubConnections.GroupsOf(connection))
        {
            if (hub.RemoveFromGroup(connection, group) is { } channel)
            {
                subscriptions.Release(channel);
            }
        }

        foreach (var join in joins)
        {
            join.End(RemoteCommandOutcome.Done);
        }
    }

    /// <summary>Brings the groups of a connection whose session is resumable to what the log says. Never waits: what is logged needs no channel, and all else follows with it.</summary>
    internal void Settle(HubConnections hub, Connection connection, ResumableSession session)
    {
        lock (connection.Joins)
        {
            var groups = session.GroupsAt(long.MaxValue); // read here, so that whoever settles last has all that is known
            foreach (var group in HubConnections.GroupsOf(connection))
            {
                if (!groups.Contains(group) && hub.RemoveFromGroup(connection, group) is { } channel)
                {
                    subscriptions.Release(channel);
                }
            }

            foreach (var group in groups)
            {
                if (!HubConnections.IsIn(connection, group))
                {
                    var channel = hub.GroupChannel(group);
                    if (subscriptions.AcquireAsync(channel, keep: true) is { IsCompletedSuccessfully: false } acquiring)
                    {
                        acquiring.AsTask().Observe(); // kept: the reconciler sees to it
                    }

                    Land(hub, connection, group, channel, maxGroups: int.MaxValue); // the log has decided
                }
            }
        }
    }

    private async Task ContinueAsync(HubConnections hub, Connection connection, string group, PendingJoin join)
    {
        ValueTask subscribing;
        var channel = "";
        try
        {
            channel = hub.GroupChannel(group);
            subscribing = subscriptions.AcquireAsync(channel, keep: false);
        }
        catch (Exception exception)
        {
            subscribing = ValueTask.FromException(exception); // so that it becomes the outcome of the join
        }

        await JoinAsync(hub, connection, group, channel, join, subscribing);
        if (join.Outcome is { IsFaulted: true, Exception.InnerException: { } failure })
        {
            log.JoinFailed(connection.Id, failure);
        }
    }

    private async Task JoinAsync(HubConnections hub, Connection connection, string group, string channel, PendingJoin join, ValueTask subscribing)
    {
        var subscribed = true;
        try
        {
            try
            {
                await subscribing;
            }
            catch (BackplaneUnavailableException exception) when (exception is not BackplaneRefusedException)
            {
                subscribed = false;
            }

            lock (connection.Joins)
            {
                if (connection.Joins.TryTake(group, join))
                {
                    if (!subscribed)
                    {
                        subscriptions.AcquireLater(channel);
                    }

                    join.End(Land(hub, connection, group, channel));
                }
                else if (subscribed)
                {
                    subscriptions.Release(channel); // taken back meanwhile
                }
            }
        }
        catch (Exception exception)
        {
            connection.Joins.TryTake(group, join);
            join.Fail(exception);
        }
    }

    /// <summary>Makes a connection a member, now that the channel is needed once more for it.</summary>
    internal RemoteCommandOutcome Land(HubConnections hub, Connection connection, string group, string channel) =>
        Land(hub, connection, group, channel, hub.Options.MaxGroupsPerConnection);

    private RemoteCommandOutcome Land(HubConnections hub, Connection connection, string group, string channel, int maxGroups)
    {
        var outcome = connection.Reason is null ? hub.AddToGroup(connection, group, maxGroups, channel) : GroupJoin.Gone;
        if (outcome != GroupJoin.Joined)
        {
            subscriptions.Release(channel);
        }

        return outcome switch
        {
            GroupJoin.Gone => RemoteCommandOutcome.NotFound,
            GroupJoin.TooMany => RemoteCommandOutcome.TooManyGroups,
            _ => RemoteCommandOutcome.Done,
        };
    }

    /// <summary>Waits for a join that this caller has been counted for.</summary>
    internal static async Task<RemoteCommandOutcome> AwaitAsync(Connection connection, string group, PendingJoin join, CancellationToken cancellationToken)
    {
        try
        {
            return await join.Outcome.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            lock (connection.Joins)
            {
                if (connection.Joins.Find(group) == join)
                {
                    if (--join.Callers == 0)
                    {
                        connection.Joins.TryTake(group, join);
                    }

                    throw;
                }
            }

            return await join.Outcome; // too late: it has been decided, and the caller is told how
        }
    }
}
