using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Reads the log for a session that is not live, from the last number that it was sent until it has caught up with the lane; then it is live again.</summary>
/// <remarks>What it finds is a function of the log and of the session alone, so any node finds the same, with the same numbers.</remarks>
internal sealed partial class SessionFollower(
    HubLogs logs, LogEntryReader reader, IOptions<DistributedWebSocketsOptions> options, TimeProvider time, FailSafeLogger<SessionFollower> logger) : IDisposable
{
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    private readonly SessionPages _pages = new(logs, options.Value.MaxReplays);

    /// <inheritdoc cref="SessionPages.IsSaturated"/>
    internal bool IsSaturated => _pages.IsSaturated;

    public void Dispose() => _pages.Dispose();

    /// <summary>Catches up, or ends with the connection. Never throws.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="session">The session.</param>
    /// <param name="connection">Its connection, whose queue is behind.</param>
    /// <param name="received">Up to which number the client has said that it has everything.</param>
    /// <returns>Why the session has to end; null if it need not.</returns>
    internal async Task<DisconnectReason?> RunAsync(HubConnections hub, ResumableSession session, Connection connection, long received)
    {
        if (!session.TryBeginReading())
        {
            return null;
        }

        var following = new Following(hub, session, connection, received);
        try
        {
            while (!connection.Aborted.IsCancellationRequested && connection.Reason is null)
            {
                try
                {
                    return await CatchUpAsync(following);
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
        catch (Exception exception)
        {
            Log.Failed(logger, session.Id, exception);
            connection.Abort(new() { Kind = DisconnectKind.ConnectionLost, Exception = exception }); // its client comes back, and it is read anew
        }

        session.EndReading();
        return null;
    }

    private async Task<DisconnectReason?> CatchUpAsync(Following following)
    {
        var (hub, session, connection) = (following.Hub, following.Session, following.Connection);
        while (true)
        {
            var lane = logs.LaneOf(hub) ?? throw new MessageLogUnavailableException("The hub is not subscribed.");
            var position = lane.Position;
            if (position.Epoch != session.Epoch)
            {
                return SessionEnds.Gone("The log has begun anew, so the session cannot go on.");
            }

            if (following.Reached < position.Offset)
            {
                if (await ReadPageAsync(following, position.Offset) is { } problem)
                {
                    return problem;
                }

                continue;
            }

            if (following.Reached > position.Offset || following.IsCounting)
            {
                // The lane of another node may have been further. What the log has and the lane does not is read for the session all the same.
                var end = await logs.GetEndAsync(hub, connection.Aborted);
                if (end.Epoch != session.Epoch || end.Offset < following.Reached)
                {
                    return SessionEnds.Gone("The log does not reach to where the session stood, so it cannot go on.");
                }

                if (following.IsCounting)
                {
                    if (end.Offset == following.Reached)
                    {
                        return SessionEnds.Violation("The client has acknowledged messages that were never sent.");
                    }

                    if (await ReadPageAsync(following, end.Offset) is { } reason)
                    {
                        return reason;
                    }

                    continue;
                }
            }

            var landed = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            lane.Land(() =>
            {
                var isThere = lane.Position is var now && now.Epoch == session.Epoch && now.Offset <= following.Reached;
                if (isThere)
                {
                    session.CaughtUp = (following.Begun, following.Reached);
                    session.KnowsGroups = true; // here, so that what the lane comes to next finds it
                    session.EndReading(); // first: it may fall behind with the next entry
                    connection.Queue.CatchUp(following.Reached);
                }

                landed.SetResult(isThere);
            });
            if (await landed.Task)
            {
                hub.Sessions.Settle?.Invoke(session);
                return null;
            }
        }
    }

    private async Task<DisconnectReason?> ReadPageAsync(Following following, long upTo)
    {
        var (hub, session) = (following.Hub, following.Session);
        var page = await _pages.ReadAsync(hub, session, following.Reached, upTo, following.Connection.Aborted);
        if (!page.IsKnown)
        {
            return SessionEnds.Gone("The log does not know where the session stood, so it cannot go on.");
        }

        if (page.RemovedTo > Math.Max(following.Reached, following.RemovalsTold))
        {
            following.RemovalsTold = page.RemovedTo;
            if (await TellGapAsync(following) is { } reason)
            {
                return reason;
            }
        }

        foreach (var entry in page.Entries)
        {
            var verdict = reader.Read(hub, entry.Payload, out var envelope);
            if (verdict != EnvelopeVerdict.Taken)
            {
                if (verdict == EnvelopeVerdict.NotUnderstood && await OnNotUnderstoodAsync(following, entry.Offset) is { } end)
                {
                    return end;
                }

                continue;
            }

            switch (envelope.Kind)
            {
                case EnvelopeKind.SessionGroups:
                    if (envelope.Body().TryReadSessionGroups(out var change) && change.Means(session.Id, session.UserId))
                    {
                        session.Note(entry.Offset, change);
                        hub.Sessions.Settle?.Invoke(session);
                        if (change.IsJoin)
                        {
                            following.Reached = entry.Offset;
                            return null; // what comes to that group from here on is not in this page
                        }
                    }

                    break;
                case EnvelopeKind.SessionEnding:
                    if (envelope.Body().TryReadSessionEnding(out var ending) && ending.Means(session, entry.Offset))
                    {
                        session.Ending = ending.Reason;
                        return session.Ending;
                    }

                    break;
                case EnvelopeKind.LogGap:
                    if (envelope.Body().TryReadLogGap(out _, out var lostTo) && following.Begun < lostTo && session.TryTellGap(lostTo, entry.Offset) && await TellGapAsync(following) is { } reason)
                    {
                        return reason;
                    }

                    break;
                case EnvelopeKind.Frame when IsFor(session, envelope, entry.Offset)
                    && SharedFrame.TryWrap(envelope.Frame, envelope.HasDeflated, out var frame, DeliveryTerms.Of(envelope, hub.Options.RecipientFilters, LogAge.Since(entry, time), time), entry.Offset):
                    using (frame)
                    {
                        if (frame.Terms?.Filter?.Matches(new SessionAt(session, entry.Offset)) == false)
                        {
                            break;
                        }

                        if (following.IsCounting)
                        {
                            session.Numbers.OnExpired(frame); // the client has it: its number is used up
                        }
                        else
                        {
                            await EnqueueAsync(following.Connection, frame);
                        }
                    }

                    break;
            }

            following.Reached = entry.Offset; // so that after an outage nothing comes twice
        }

        following.Reached = page.ReadTo;
        return null;
    }

    /// <summary>Sends the client to another node, which may understand the entry; one that has been sent here for such an entry is told of a gap.</summary>
    private static async ValueTask<DisconnectReason?> OnNotUnderstoodAsync(Following following, long offset)
    {
        if (following.Session.IsSentOn)
        {
            return await TellGapAsync(following);
        }

        following.Session.NotUnderstoodAt = offset;
        following.Connection.Close(SessionEnds.Gone("A message needs a later version than this node's. Connect again, and another node may answer."));
        throw new OperationCanceledException();
    }

    /// <summary>Tells the client that messages are missing before the next one. While those are counted that it has, nobody knows which ones: the session cannot go on.</summary>
    private static async ValueTask<DisconnectReason?> TellGapAsync(Following following)
    {
        if (following.IsCounting)
        {
            return SessionEnds.Gone("The log has lost or removed messages that the client had not acknowledged, so the session cannot go on.");
        }

        if (((ResumableWebSocketProtocol)following.Session.Numbers.Format.Protocol).Gap() is not { } gap)
        {
            return SessionEnds.Missing;
        }

        using var frame = SharedFrame.Encode(gap, isOfProtocol: true);
        await EnqueueAsync(following.Connection, frame);
        return null;
    }

    private static async ValueTask EnqueueAsync(Connection connection, SharedFrame frame)
    {
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

    /// <summary>A session as it was at an offset.</summary>
    private sealed class SessionAt(ResumableSession session, long offset) : IRecipient
    {
        public string ConnectionId => session.Id;

        public string? UserId => session.UserId;

        public int GroupCount => session.GroupsAt(offset).Count;

        public bool IsIn(string group) => session.IsIn(group, offset);
    }

    /// <summary>How far the log has been read for a session that is behind.</summary>
    private sealed class Following(HubConnections hub, ResumableSession session, Connection connection, long received)
    {
        internal HubConnections Hub => hub;

        internal ResumableSession Session => session;

        internal Connection Connection => connection;

        /// <summary>Behind which offset reading began.</summary>
        internal long Begun { get; } = session.Numbers.Last.Offset;

        /// <summary>Up to which offset all that is for the session is in the queue, or has been written.</summary>
        internal long Reached { get; set; } = session.Numbers.Last.Offset;

        /// <summary>Up to which offset the client has been told that entries were removed.</summary>
        internal long RemovalsTold { get; set; }

        /// <summary>Whether messages are counted that the client has.</summary>
        internal bool IsCounting => session.Numbers.Last.Number < received;
    }

    private static partial class Log
    {
        [LoggerMessage(330, LogLevel.Error, "Reading the log for session {SessionId} failed; its connection is cut.")]
        public static partial void Failed(ILogger logger, string sessionId, Exception exception);
    }
}
