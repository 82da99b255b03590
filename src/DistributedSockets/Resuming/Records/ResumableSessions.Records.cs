using System.Diagnostics.CodeAnalysis;

namespace DistributedSockets;

/// <summary>The records of this node's sessions: written when it is time, compared, and removed when a session ends.</summary>
internal sealed partial class ResumableSessions
{
    private bool TryRead(string sessionId, SessionRecord record, [NotNullWhen(true)] out SessionCheckpoint? checkpoint)
    {
        if (SessionCheckpointFormat.TryRead(record.Value, out checkpoint, out var problem))
        {
            return true;
        }

        Log.Unreadable(logger, sessionId, problem);
        return false;
    }

    private async Task RunAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(s_period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping))
            {
                await LookAfterAllAsync();
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
    }

    /// <summary>Looks after all sessions; those for which a record has to be written do not wait for each other.</summary>
    private async Task LookAfterAllAsync()
    {
        var underWay = new List<Task>(AtOnce);
        foreach (var hub in hubs.All)
        {
            foreach (var session in hub.Sessions.All)
            {
                var looking = LookAfterAsync(hub, session);
                if (looking.IsCompletedSuccessfully)
                {
                    continue;
                }

                underWay.Add(looking.AsTask());
                if (underWay.Count == AtOnce)
                {
                    var done = await Task.WhenAny(underWay);
                    underWay.Remove(done);
                    await done;
                }
            }
        }

        await Task.WhenAll(underWay);
    }

    private async Task WriteSoonAsync(HubConnections hub, ResumableSession session)
    {
        try
        {
            await TryWriteAsync(hub, session);
        }
        finally
        {
            session.NoteWritten();
        }
    }

    private async ValueTask LookAfterAsync(HubConnections hub, ResumableSession session)
    {
        if (session.IsDoubtful)
        {
            await ValidateAsync(hub, session, CancellationToken.None);
        }

        if (session.Ending is { } ending)
        {
            await TryEndAsync(hub, session, ending);
            return;
        }

        if (session.Connection is not { } connection)
        {
            if (session.IsAway && time.GetElapsedTime(session.AwaySince) >= hub.Options.ResumeWindow)
            {
                await TryEndAsync(hub, session);
            }

            return;
        }

        if (session.ReleasedAt is { } releasedAt && time.GetElapsedTime(releasedAt) >= options.Value.RemoteCommandTimeout)
        {
            connection.Close(SessionEnds.NotTakenOver); // its client is not heard any more
            return;
        }

        Advance(hub, session);
        if (time.GetElapsedTime(session.UnacknowledgedSince(time.GetTimestamp())) >= hub.Options.AcknowledgementTimeout)
        {
            await TryEndAsync(hub, session, SessionEnds.Silent(hub.Options.AcknowledgementTimeout));
            return;
        }

        if ((session.IsChanged || session.Numbers.AcknowledgedSinceCheckpoint > 0) && time.GetElapsedTime(session.WrittenAt) >= s_checkpointInterval
            || session.Numbers.IsCheckpointDue || time.GetElapsedTime(session.WrittenAt) >= hub.Options.LogMaxAge / 4)
        {
            await TryWriteAsync(hub, session);
        }
    }

    /// <summary>Lets the position of a session that is live, and has acknowledged everything, follow the lane.</summary>
    private void Advance(HubConnections hub, ResumableSession session)
    {
        if (logs.LaneOf(hub)?.Position is { } position && position.Epoch == session.Epoch
            && session.Connection is { Reason: null, Queue.HasWrittenAll: true }) // one that is ending may be none of the hub's any more, and nothing is queued for it
        {
            session.Numbers.MoveTo(position.Offset); // read before the queue was looked at: all up to there has been written
        }
    }

    /// <summary>Writes the record of a session, with the properties that have just been set.</summary>
    /// <returns>Whether the session is still this node's, so that they are in force.</returns>
    /// <exception cref="MessageLogUnavailableException">The record cannot be reached. It is tried again.</exception>
    internal Task<bool> SavePropertiesAsync(HubConnections hub, ResumableSession session) => WriteAsync(hub, session);

    /// <summary>Writes the record of a session. If it has another owner by now, the connection is cut.</summary>
    private async Task TryWriteAsync(HubConnections hub, ResumableSession session)
    {
        try
        {
            await WriteAsync(hub, session);
        }
        catch (MessageLogUnavailableException exception)
        {
            Log.NotWritten(logger, session.Id, exception);
        }
    }

    private async Task<bool> WriteAsync(HubConnections hub, ResumableSession session)
    {
        await session.BeginWritingAsync();
        try
        {
            if (session.IsGone)
            {
                return false;
            }

            if (session.Ending is { } ending) // or the position might pass over what ends it, and whoever has it next would not know
            {
                var end = await SwapOwnAsync(hub, session, null);
                if (end.Current is null)
                {
                    session.Connection?.Close(ending);
                }

                Lose(hub, session, isContinued: end is { IsDone: false, Current: not null });
                return false;
            }

            var checkpoint = session.Checkpoint(node.Info.NodeId);
            var swap = await SwapOwnAsync(hub, session, SessionCheckpointFormat.Write(checkpoint));
            if (swap.IsDone)
            {
                session.WrittenAt = time.GetTimestamp();
                session.Numbers.NoteCheckpoint(checkpoint.Number);
                return true;
            }

            Lose(hub, session, isContinued: swap.Current is not null);
            return false;
        }
        catch (MessageLogUnavailableException)
        {
            session.NoteNotWritten();
            throw;
        }
        finally
        {
            session.EndWriting();
        }
    }

    /// <param name="hub">The hub.</param>
    /// <param name="session">The session.</param>
    /// <param name="reason">What its client is told, if that is connected.</param>
    internal async Task TryEndAsync(HubConnections hub, ResumableSession session, DisconnectReason? reason = null)
    {
        await session.BeginWritingAsync();
        try
        {
            if (!session.IsGone)
            {
                var swap = await SwapOwnAsync(hub, session, null); // refused: somebody has taken it, and was first
                if (reason is not null && swap.Current is null)
                {
                    session.Connection?.Close(reason); // first: whoever comes first says why
                }

                Lose(hub, session, isContinued: swap is { IsDone: false, Current: not null });
            }
        }
        catch (MessageLogUnavailableException exception)
        {
            Log.NotWritten(logger, session.Id, exception);
        }
        finally
        {
            session.EndWriting();
        }
    }

    private void Lose(HubConnections hub, ResumableSession session, bool isContinued)
    {
        hub.Sessions.Remove(session, isContinued);
        var connection = session.SetGone();
        away.Remove(session);
        if (connection is { Reason: null })
        {
            connection.Abort(SessionEnds.TakenOver);
        }
    }

    private async Task<SessionRecord?> ReadRecordAsync(HubConnections hub, string sessionId, CancellationToken cancellationToken)
    {
        await logs.StartedAsync().WaitAsync(cancellationToken);
        return await Records.ReadRecordAsync(hub.Log!.Hub, sessionId, cancellationToken);
    }

    /// <summary>Writes the record of a session of this node, or removes it. Whoever calls it has called <see cref="ResumableSession.BeginWritingAsync"/>.</summary>
    private async Task<SessionRecordSwap> SwapOwnAsync(HubConnections hub, ResumableSession session, ReadOnlyMemory<byte>? value)
    {
        while (true)
        {
            var version = session.NextVersion;
            var swap = await SwapAsync(hub, session.Id, session.Version, value is { } bytes ? new() { Version = version, Value = bytes } : null, CancellationToken.None);
            if (swap.IsDone || swap.Current?.Version == version)
            {
                session.NoteVersion();
            }

            if (swap.IsDone || swap.Current?.Version != version)
            {
                return swap;
            }
        }
    }

    /// <summary>Swaps; where the answer was lost, reading tells what became of it.</summary>
    private async Task<SessionRecordSwap> SwapAsync(HubConnections hub, string sessionId, long expected, SessionRecord? record, CancellationToken cancellationToken)
    {
        await logs.StartedAsync().WaitAsync(cancellationToken);
        try
        {
            return await Records.SwapRecordAsync(hub.Log!.Hub, sessionId, expected, record, cancellationToken);
        }
        catch (MessageLogUnavailableException exception) when (exception.IsOutcomeUnknown)
        {
            var found = await Records.ReadRecordAsync(hub.Log!.Hub, sessionId, cancellationToken);
            if ((found?.Version ?? 0) == (record?.Version ?? 0) && (record is null || record.Value.Span.SequenceEqual(found!.Value.Span)))
            {
                return new() { IsDone = true };
            }

            if ((found?.Version ?? 0) == expected)
            {
                throw;
            }

            return new() { IsDone = false, Current = found };
        }
    }
}
