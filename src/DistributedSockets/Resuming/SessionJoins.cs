using System.Buffers;

namespace DistributedSockets;

/// <summary>Has sessions that can be resumed join and leave groups, and end: by entries of the log, which anybody may append, be the session here, elsewhere or away.</summary>
internal sealed class SessionJoins(HubLogs logs, LogEntryReader reader, EnvelopeWriter writer)
{
    private const int PageEntries = 256;
    private const int PageBytes = 1024 * 1024;

    /// <summary>Appends a change of the groups of one session, and waits until it has taken effect.</summary>
    /// <param name="hub">The hub, which has a log.</param>
    /// <param name="change">The change.</param>
    /// <param name="record">What the session's record held before, unless this node owns the session and knows its groups.</param>
    /// <param name="landing">Called in the moment in which the session of this node joins, before anything that comes to the group later. Neither waits nor throws.</param>
    /// <param name="cancellationToken">Ends the wait. The change may take effect all the same.</param>
    /// <returns><see cref="RemoteCommandOutcome.Done"/>, or <see cref="RemoteCommandOutcome.TooManyGroups"/> if a join found no room.</returns>
    /// <exception cref="MessageLogUnavailableException">The log did not take it, or did not say so, or it cannot be read whether there was room.</exception>
    internal async ValueTask<RemoteCommandOutcome> ChangeAsync(
        HubConnections hub, SessionGroupChange change, SessionCheckpoint? record, Action? landing, CancellationToken cancellationToken)
    {
        var (position, outcome) = await AppendAsync(hub, change, landing, cancellationToken);
        if (outcome is null && change is { IsJoin: true, Group: { } group } && record is not null
            && await ReadAsync(hub, change.Subject, record, position, cancellationToken) is { } memberships)
        {
            outcome = memberships.IsIn(group, position.Offset) ? RemoteCommandOutcome.Done : RemoteCommandOutcome.TooManyGroups;
        }

        return outcome ?? RemoteCommandOutcome.Done;
    }

    /// <summary>Appends a change of the groups of all sessions of a user, and waits until it has taken effect.</summary>
    /// <returns><see cref="RemoteCommandOutcome.TooManyGroups"/> if it is a join and a session of this node found no room, else <see cref="RemoteCommandOutcome.Done"/>.</returns>
    /// <exception cref="MessageLogUnavailableException">The log did not take it, or did not say so.</exception>
    internal async ValueTask<RemoteCommandOutcome> ChangeUserAsync(HubConnections hub, SessionGroupChange change, CancellationToken cancellationToken) =>
        (await AppendAsync(hub, change, landing: null, cancellationToken)).Outcome ?? RemoteCommandOutcome.Done;

    /// <summary>Appends that sessions end. They do when the lane of their node comes to it.</summary>
    /// <exception cref="MessageLogUnavailableException">The log did not take it, or did not say so.</exception>
    internal async ValueTask EndAsync(HubConnections hub, SessionEnding ending, CancellationToken cancellationToken)
    {
        var envelope = writer.WriteSessionEnding(ending, out var length);
        try
        {
            await logs.AppendAsync(hub, [ending.Target], envelope.AsMemory(0, length), null, cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(envelope);
        }
    }

    /// <summary>Finds out in which groups a session was when an entry had taken effect: those of its record, and what the log says behind it.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="sessionId">The session.</param>
    /// <param name="record">What its record holds.</param>
    /// <param name="upTo">The position of the entry.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The groups; null if the log does not know any more, or the record is of another life of it or of a later position.</returns>
    /// <exception cref="MessageLogUnavailableException">The log cannot be reached.</exception>
    internal async ValueTask<SessionMemberships?> ReadAsync(
        HubConnections hub, string sessionId, SessionCheckpoint record, LogPosition upTo, CancellationToken cancellationToken)
    {
        var (epoch, after) = (record.Position.Epoch, record.Position.Offset);
        if (epoch != upTo.Epoch || after > upTo.Offset)
        {
            return null;
        }

        var memberships = new SessionMemberships(record.Groups, after);
        return await ReadChangesAsync(hub, sessionId, record.UserId, epoch, after, upTo.Offset, (offset, change) => memberships.Note(offset, change), cancellationToken) ? memberships : null;
    }

    /// <summary>Reads the changes of a session's groups between two offsets.</summary>
    /// <returns>Whether these were all: the log has removed none of what stood there.</returns>
    /// <exception cref="MessageLogUnavailableException">The log cannot be reached.</exception>
    internal async ValueTask<bool> ReadChangesAsync(
        HubConnections hub, string sessionId, string? userId, long epoch, long after, long upTo, Action<long, SessionGroupChange> note, CancellationToken cancellationToken)
    {
        LogTarget[] targets = userId is not null ? [LogTarget.Connection(sessionId), LogTarget.User(userId)] : [LogTarget.Connection(sessionId)];
        while (after < upTo)
        {
            var page = await logs.ReadAsync(
                hub, new() { Targets = targets, Epoch = epoch, After = after, UpTo = upTo, MaxEntries = PageEntries, MaxBytes = PageBytes }, cancellationToken);
            if (!page.IsKnown || page.RemovedTo > after)
            {
                return false;
            }

            foreach (var entry in page.Entries)
            {
                if (reader.Read(hub, entry.Payload, out var envelope) == EnvelopeVerdict.Taken && envelope.Kind == EnvelopeKind.SessionGroups
                    && envelope.Body().TryReadSessionGroups(out var change) && change.Means(sessionId, userId))
                {
                    note(entry.Offset, change);
                }
            }

            after = page.ReadTo;
        }

        return true;
    }

    private async ValueTask<(LogPosition Position, RemoteCommandOutcome? Outcome)> AppendAsync(
        HubConnections hub, SessionGroupChange change, Action? landing, CancellationToken cancellationToken)
    {
        change = change with { RequestId = RemoteCommands.NewRequestId() };
        var waiting = hub.Sessions.Expect(change.RequestId, landing);
        var envelope = writer.WriteSessionGroups(change, out var length);
        try
        {
            LogTarget[] targets = [change.Kind == WebSocketTargetKind.Users ? LogTarget.User(change.Subject) : LogTarget.Connection(change.Subject)];
            var position = await logs.AppendAsync(hub, targets, envelope.AsMemory(0, length), null, cancellationToken);
            if (logs.LaneOf(hub) is not { } lane)
            {
                return (position, null); // a worker, which knows that it will come
            }

            hub.Sessions.Note(change.RequestId, position, lane.Position);
            return (position, await waiting.WaitAsync(cancellationToken));
        }
        finally
        {
            if (!hub.Sessions.Forget(change.RequestId))
            {
                await waiting; // the lane has come to it, and may be about to call the landing, which uses what is the caller's
            }

            ArrayPool<byte>.Shared.Return(envelope);
        }
    }
}
