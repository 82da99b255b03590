using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Reads the log for a session that is not live, from the last number that it was sent until it has caught up with the lane; then it is live again.</summary>
/// <remarks>What it finds is a function of the log and of the session alone, so any node finds the same, with the same numbers.</remarks>
internal sealed class SessionFollower(HubLogs logs, LogEntryReader reader, IOptions<DistributedWebSocketsOptions> options, TimeProvider time) : IDisposable
{
    private const int PageEntries = 256;
    private const int PageBytes = 1024 * 1024;

    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _replays = new(options.Value.MaxReplays);

    private int _waiting;

    /// <summary>Whether as many sessions wait for their turn as the log is read for at once.</summary>
    internal bool IsSaturated => Volatile.Read(ref _waiting) >= options.Value.MaxReplays;

    public void Dispose() => _replays.Dispose();

    /// <summary>Catches up, or ends with the connection. Never throws.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="session">The session.</param>
    /// <param name="connection">Its connection, whose queue is behind.</param>
    /// <param name="received">Up to which number the client has said that it has everything.</param>
    internal async Task RunAsync(HubConnections hub, ResumableSession session, Connection connection, long received)
    {
        if (!session.TryBeginReading())
        {
            return;
        }

        try
        {
            while (!connection.Aborted.IsCancellationRequested && connection.Reason is null)
            {
                try
                {
                    await CatchUpAsync(hub, session, connection, received);
                    return;
                }
                catch (MessageLogUnavailableException)
                {
                    await Task.Delay(s_pause, time, connection.Aborted); // the health check tells of it
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The connection has ended.
        }

        session.EndReading();
    }

    private async Task CatchUpAsync(HubConnections hub, ResumableSession session, Connection connection, long received)
    {
        var reached = session.Numbers.Last.Offset;
        while (true)
        {
            var lane = logs.LaneOf(hub) ?? throw new MessageLogUnavailableException("The hub is not subscribed.");
            var position = lane.Position;
            if (position.Epoch != session.Epoch)
            {
                connection.Close(SessionEnds.Gone("The log has begun anew, so the session cannot go on."));
                throw new OperationCanceledException();
            }

            if (reached < position.Offset)
            {
                reached = await ReadPageAsync(hub, session, connection, received, reached, position.Offset);
                continue;
            }

            if (session.Numbers.Last.Number < received)
            {
                connection.Close(SessionEnds.Violation("The client has acknowledged messages that were never sent."));
                throw new OperationCanceledException();
            }

            var landed = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            lane.Land(() =>
            {
                var isThere = lane.Position is var now && now.Epoch == session.Epoch && now.Offset <= reached;
                if (isThere)
                {
                    session.EndReading(); // first: it may fall behind with the next entry
                    connection.Queue.CatchUp();
                }

                landed.SetResult(isThere);
            });
            if (await landed.Task)
            {
                session.KnowsGroups = true;
                hub.Sessions.Settle?.Invoke(session);
                return;
            }
        }
    }

    private async Task<long> ReadPageAsync(HubConnections hub, ResumableSession session, Connection connection, long received, long after, long upTo)
    {
        var targets = TargetsOf(session, after);
        LogPage page;
        Interlocked.Increment(ref _waiting);
        try
        {
            await _replays.WaitAsync(connection.Aborted);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }

        try
        {
            page = await logs.ReadAsync(
                hub, new() { Targets = targets, Epoch = session.Epoch, After = after, UpTo = upTo, MaxEntries = PageEntries, MaxBytes = PageBytes }, connection.Aborted);
        }
        finally
        {
            _replays.Release();
        }

        if (!page.IsKnown)
        {
            connection.Close(SessionEnds.Gone("The log does not know where the session stood, so it cannot go on."));
            throw new OperationCanceledException();
        }

        if (page.RemovedTo > after)
        {
            connection.SendOfProtocol(ResumeV1.Gap());
        }

        foreach (var entry in page.Entries)
        {
            var verdict = reader.Read(hub, entry.Payload, out var envelope);
            if (verdict != EnvelopeVerdict.Taken)
            {
                if (verdict == EnvelopeVerdict.NotUnderstood)
                {
                    OnNotUnderstood(session, connection, entry.Offset);
                }

                continue;
            }

            if (envelope.Kind == EnvelopeKind.SessionGroups)
            {
                if (envelope.Body().TryReadSessionGroups(out var change) && change.Means(session.Id, session.UserId))
                {
                    session.Note(entry.Offset, change);
                    hub.Sessions.Settle?.Invoke(session);
                    if (change.IsJoin && targets is not null)
                    {
                        return entry.Offset; // what comes to that group from here on is not in this page
                    }
                }
            }
            else if (envelope.Kind == EnvelopeKind.Frame && IsFor(session, envelope, entry.Offset)
                && SharedFrame.TryWrap(envelope.Frame, envelope.HasDeflated, out var frame, DeliveryTerms.Of(envelope, LogAge.Since(entry, time), time), entry.Offset))
            {
                using (frame)
                {
                    await TakeAsync(session, connection, frame, received);
                }
            }
        }

        return page.ReadTo;
    }

    /// <summary>Sends the client to another node, which may understand the entry; one that has been sent here for such an entry is told of a gap.</summary>
    private static void OnNotUnderstood(ResumableSession session, Connection connection, long offset)
    {
        if (session.IsSentOn)
        {
            connection.SendOfProtocol(ResumeV1.Gap());
            return;
        }

        session.NotUnderstoodAt = offset;
        connection.Close(SessionEnds.Gone("A message needs a later version than this node's. Connect again, and another node may answer."));
        throw new OperationCanceledException();
    }

    private static async ValueTask TakeAsync(ResumableSession session, Connection connection, SharedFrame frame, long received)
    {
        if (session.Numbers.Last.Number < received)
        {
            session.Numbers.OnExpired(frame); // the client has it: its number is used up
            return;
        }

        while (!connection.Queue.TryEnqueueWithRoom(frame, out var room))
        {
            if (room is null)
            {
                throw new OperationCanceledException(); // the connection ends
            }

            connection.Queue.Start();
            await room.WaitAsync(connection.Aborted);
        }

        connection.Queue.Start();
    }

    /// <summary>The targets whose entries a session gets behind an offset; null if it is in more groups than can be asked for at once.</summary>
    private static LogTarget[]? TargetsOf(ResumableSession session, long offset)
    {
        var groups = session.GroupsAt(offset);
        if (groups.Count > LogQuery.MaxTargets - 3)
        {
            return null;
        }

        var targets = new List<LogTarget>(groups.Count + 3) { LogTarget.All, LogTarget.Connection(session.Id) };
        if (session.UserId is { } userId)
        {
            targets.Add(LogTarget.User(userId));
        }

        foreach (var group in groups)
        {
            targets.Add(LogTarget.Group(group));
        }

        return [.. targets];
    }

    /// <summary>Whether a session gets a message: as the delivery to those who are live has it, of the memberships at the offset.</summary>
    private static bool IsFor(ResumableSession session, in Envelope envelope, long offset)
    {
        Span<char> scratch = stackalloc char[NameList.ScratchChars];
        var isMeant = envelope.Target == WebSocketTargetKind.All;
        foreach (var name in envelope.Names(scratch))
        {
            isMeant = envelope.Target switch
            {
                WebSocketTargetKind.Users => session.UserId is { } userId && name.SequenceEqual(userId),
                WebSocketTargetKind.Connections => name.SequenceEqual(session.Id),
                _ => session.IsIn(name.ToString(), offset),
            };
            if (isMeant)
            {
                break;
            }
        }

        if (!isMeant)
        {
            return false;
        }

        foreach (var name in envelope.Excluded(scratch))
        {
            if (name.SequenceEqual(session.Id))
            {
                return false;
            }
        }

        return true;
    }
}
