namespace DistributedSockets;

/// <summary>Brings connections of this node into groups together with the last messages of the group: none is missing, none comes twice.</summary>
/// <remarks>
/// The lane keeps what comes for the group, then the log is read up to where that began. Between two entries of the lane the connection gets what was read, then
/// what was kept, and becomes a member. So the lane goes on meanwhile, and nobody else waits.
/// </remarks>
internal sealed class LogJoins(
    GroupMemberships memberships,
    ChannelSubscriptions subscriptions,
    HubLogs logs,
    LogEntryReader reader,
    LocalDelivery delivery,
    ResumableSessions sessions,
    SessionJoins sessionJoins,
    TimeProvider time)
{
    /// <summary>How often the history is read anew, if more comes to the group meanwhile than is kept.</summary>
    private const int MaxAttempts = 10;

    /// <summary>Adds a connection, unless it is a member or on its way into the group.</summary>
    /// <param name="hub">The hub of the connection, which has a log.</param>
    /// <param name="connection">The connection.</param>
    /// <param name="group">The group.</param>
    /// <param name="last">How many messages it gets at most.</param>
    /// <param name="cancellationToken">Takes the join back if it still waits and nobody else wants it.</param>
    /// <exception cref="MessageLogUnavailableException">The log could not be read. The connection is not in the group.</exception>
    /// <exception cref="BackplaneRefusedException">The transport refused the channel. The connection is not in the group.</exception>
    internal async ValueTask<RemoteCommandOutcome> AddAsync(
        HubConnections hub, Connection connection, string group, int last, CancellationToken cancellationToken)
    {
        if (connection.Session is { } session)
        {
            return await AddAsync(hub, connection, session, group, last, cancellationToken);
        }

        if (HubConnections.IsFull(connection, group, hub.Options.MaxGroupsPerConnection))
        {
            return RemoteCommandOutcome.TooManyGroups; // before it costs a round trip
        }

        PendingJoin? join;
        lock (connection.Joins)
        {
            join = connection.Joins.Find(group);
            if (join is null)
            {
                if (HubConnections.GroupsOf(connection).Contains(group))
                {
                    return RemoteCommandOutcome.Done;
                }

                join = connection.Joins.Begin(group);
                JoinAsync(hub, connection, group, last, join).Observe(); // ends the join, however it goes
            }

            join.Callers++;
        }

        return await GroupMemberships.AwaitAsync(connection, group, join, cancellationToken);
    }

    /// <summary>Has a session join by the log; what came before the entry is queued in the moment in which the lane comes to it, without numbers.</summary>
    private async ValueTask<RemoteCommandOutcome> AddAsync(
        HubConnections hub, Connection connection, ResumableSession session, string group, int last, CancellationToken cancellationToken)
    {
        if (session.IsIn(group, long.MaxValue))
        {
            return RemoteCommandOutcome.Done;
        }

        var lane = logs.LaneOf(hub) ?? throw NotSubscribed(hub);
        var tap = lane.Tap(group) ?? throw NotSubscribed(hub);
        var history = new List<SharedFrame>();
        try
        {
            await ReadAsync(hub, connection, group, last, tap.From, history);
            var record = (await sessions.FindOwnerAsync(hub, session.Id, cancellationToken))?.Record;
            var queued = default(QueuedFrames?);
            var join = new SessionGroupChange(WebSocketTargetKind.Connections, session.Id, group, IsJoin: true, hub.Options.MaxGroupsPerConnection);
            var outcome = await sessionJoins.ChangeAsync(hub, join, record, Land, cancellationToken);
            if (queued is { } frames)
            {
                delivery.Start(frames);
            }

            return outcome;

            void Land()
            {
                if (tap.IsOverfull)
                {
                    connection.TellGap(); // it is a member by now, so it cannot begin again
                }
                else
                {
                    queued = Enqueue(hub, connection, tap, history, last); // all of it came before the join
                }
            }
        }
        finally
        {
            lane.Untap(tap);
            foreach (var frame in history)
            {
                frame.Dispose();
            }
        }
    }

    private async Task JoinAsync(HubConnections hub, Connection connection, string group, int last, PendingJoin join)
    {
        await Task.Yield(); // begun under the lock of the connection's joins
        string? channel = null;
        try
        {
            channel = await NeedAsync(hub.GroupChannel(group));
            for (var attempt = 1; !await TryJoinAsync(hub, connection, group, channel, last, join); attempt++)
            {
                if (attempt == MaxAttempts)
                {
                    throw new MessageLogUnavailableException(
                        $"More messages come to a group of hub '{hub.Name}' while its history is read than are kept for a join. Try again when less is sent to it.");
                }
            }
        }
        catch (Exception exception)
        {
            connection.Joins.TryTake(group, join);
            join.Fail(exception);
            if (channel is not null)
            {
                subscriptions.Release(channel);
            }
        }
    }

    /// <summary>Reads the history and makes the connection a member; false if so much came meanwhile that it has to begin again. Nothing has been sent then.</summary>
    private async ValueTask<bool> TryJoinAsync(HubConnections hub, Connection connection, string group, string channel, int last, PendingJoin join)
    {
        var lane = logs.LaneOf(hub) ?? throw NotSubscribed(hub);
        var tap = lane.Tap(group) ?? throw NotSubscribed(hub);
        var history = new List<SharedFrame>();
        try
        {
            await ReadAsync(hub, connection, group, last, tap.From, history);
            var landed = new TaskCompletionSource<Landing>(TaskCreationOptions.RunContinuationsAsynchronously);
            lane.Land(() => landed.SetResult(Land(hub, connection, group, channel, join, tap, history)));
            var landing = await landed.Task;
            if (landing.Queued is { } queued)
            {
                delivery.Start(queued);
            }

            return landing.IsOver;
        }
        finally
        {
            lane.Untap(tap);
            foreach (var frame in history)
            {
                frame.Dispose();
            }
        }
    }

    private static MessageLogUnavailableException NotSubscribed(HubConnections hub) =>
        new($"The log of hub '{hub.Name}' is not subscribed yet, so the history of its groups cannot be followed. Try again later.");

    /// <summary>Needs the channel of the group, at once or, while the backplane is away, later, as any join does.</summary>
    private async ValueTask<string> NeedAsync(string channel)
    {
        try
        {
            await subscriptions.AcquireAsync(channel, keep: false);
        }
        catch (BackplaneUnavailableException exception) when (exception is not BackplaneRefusedException)
        {
            subscriptions.AcquireLater(channel);
        }

        return channel;
    }

    /// <summary>Reads the last messages of a group up to a position, those that the connection may get.</summary>
    private async ValueTask ReadAsync(HubConnections hub, Connection connection, string group, int last, LogPosition upTo, List<SharedFrame> history)
    {
        if (upTo.Offset == 0)
        {
            return;
        }

        var page = await logs.ReadAsync(
            hub,
            new()
            {
                Targets = [LogTarget.Group(group)],
                Epoch = upTo.Epoch,
                After = 0,
                UpTo = upTo.Offset,
                MaxEntries = last,
                MaxBytes = Math.Max(1, hub.Options.OutboundQueueBytes / 2),
                FromEnd = true,
            },
            CancellationToken.None);
        if (!page.IsKnown)
        {
            throw new MessageLogUnavailableException($"The log of hub '{hub.Name}' has just begun anew, or went back. Try again.");
        }

        foreach (var entry in page.Entries)
        {
            if (reader.Read(hub, entry.Payload, out var envelope) == EnvelopeVerdict.Taken
                && envelope is { Kind: EnvelopeKind.Frame, Target: WebSocketTargetKind.Groups }
                && Wrap(envelope, LogAge.Since(entry, time), connection) is { } frame)
            {
                history.Add(frame);
            }
        }
    }

    /// <summary>Makes the connection a member, and queues what came before for it. Called between two entries of the lane; it does not throw.</summary>
    private Landing Land(
        HubConnections hub, Connection connection, string group, string channel, PendingJoin join, LogTap tap, List<SharedFrame> history)
    {
        if (tap.IsOverfull)
        {
            return new(IsOver: false, Queued: null);
        }

        try
        {
            lock (connection.Joins)
            {
                if (!connection.Joins.TryTake(group, join))
                {
                    subscriptions.Release(channel); // taken back meanwhile
                    return new(IsOver: true, Queued: null);
                }

                var outcome = memberships.Land(hub, connection, group, channel);
                var queued = outcome == RemoteCommandOutcome.Done ? Enqueue(hub, connection, tap, history) : (QueuedFrames?)null;
                join.End(outcome);
                return new(IsOver: true, queued);
            }
        }
        catch (Exception exception)
        {
            join.Fail(exception);
            return new(IsOver: true, Queued: null);
        }
    }

    private QueuedFrames Enqueue(HubConnections hub, Connection connection, LogTap tap, List<SharedFrame> history, int max = int.MaxValue)
    {
        foreach (var (envelope, since) in tap.Entries)
        {
            if (Wrap(envelope, since, connection) is { } frame)
            {
                history.Add(frame);
            }
        }

        var count = 0;
        for (var i = Math.Max(0, history.Count - max); i < history.Count; i++)
        {
            var frame = history[i];
            count += connection.Queue.TryEnqueue(frame) ? 1 : 0;
        }

        return new(hub, connection, count);
    }

    /// <summary>The frame of an envelope; null if it is none, is out of date, or is not meant for the connection.</summary>
    private SharedFrame? Wrap(in Envelope envelope, long since, Connection connection)
    {
        var terms = DeliveryTerms.Of(envelope, connection.Registry!.Options.RecipientFilters, since, time); // the hub has it
        return terms?.IsExpired != true && terms?.Filter?.Matches(connection) != false && !Excludes(envelope, connection.Id) && SharedFrame.TryWrap(envelope.Frame, envelope.HasDeflated, out var frame, terms)
            ? frame
            : null;
    }

    private static bool Excludes(in Envelope envelope, string connectionId)
    {
        Span<char> scratch = stackalloc char[NameList.ScratchChars];
        foreach (var name in envelope.Excluded(scratch))
        {
            if (name.SequenceEqual(connectionId))
            {
                return true;
            }
        }

        return false;
    }

    /// <param name="IsOver">Whether the join has been decided.</param>
    /// <param name="Queued">What has been queued, if anything.</param>
    private readonly record struct Landing(bool IsOver, QueuedFrames? Queued);
}
