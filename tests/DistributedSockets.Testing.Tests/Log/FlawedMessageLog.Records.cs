namespace DistributedSockets.Testing.Tests.Log;

internal sealed partial class FlawedMessageLog : ISessionRecordStore
{
    public bool RefusesStaleAppends => true;

    public async ValueTask<SessionRecord?> ReadRecordAsync(LogHub hub, string sessionId, CancellationToken cancellationToken = default)
    {
        Check(hub, sessionId);
        ThrowIfCancelled(cancellationToken);
        ThrowIfDisposed(LogFlaw.WritesRecordsAfterDisposal);
        await ThrowIfAwayAsync();
        lock (server.Gate)
        {
            return Find(hub, sessionId);
        }
    }

    public async ValueTask<SessionRecordSwap> SwapRecordAsync(
        LogHub hub, string sessionId, long expectedVersion, SessionRecord? record, CancellationToken cancellationToken = default)
    {
        Check(hub, sessionId);
        ThrowIfCancelled(cancellationToken);
        ThrowIfDisposed(LogFlaw.WritesRecordsAfterDisposal);
        await ThrowIfAwayAsync();
        SessionRecord? current;
        lock (server.Gate)
        {
            current = Find(hub, sessionId);
            if (flaw != LogFlaw.SwapsInTwoSteps)
            {
                return Swap(hub, sessionId, expectedVersion, record, current);
            }
        }

        await Task.Delay(TimeSpan.FromMilliseconds(5), CancellationToken.None);
        lock (server.Gate)
        {
            return Swap(hub, sessionId, expectedVersion, record, current);
        }
    }

    private SessionRecordSwap Swap(LogHub hub, string sessionId, long expectedVersion, SessionRecord? record, SessionRecord? current)
    {
        if (!IsExpected(expectedVersion, record, current))
        {
            return new() { IsDone = false, Current = flaw == LogFlaw.TellsNothingOfWhatStandsThere ? null : current };
        }

        switch (record)
        {
            case null when flaw == LogFlaw.KeepsRemovedRecords:
                break;
            case null:
                server.Records.Remove(KeyOf(hub, sessionId));
                break;
            default:
                server.Records.Write(KeyOf(hub, sessionId), record, server.Time.GetUtcNow());
                break;
        }

        if (flaw == LogFlaw.CountsRecordsAsEntries)
        {
            server.Hub(this, hub).End++;
        }

        return flaw == LogFlaw.DeniesWhatItWrote && expectedVersion != 0 ? throw new MessageLogUnavailableException("It was not written.") : new() { IsDone = true };
    }

    private bool IsExpected(long expectedVersion, SessionRecord? record, SessionRecord? current)
    {
        var version = current?.Version ?? 0;
        return flaw switch
        {
            LogFlaw.OverwritesWhereNoneIsExpected when expectedVersion == 0 => true,
            LogFlaw.CreatesWhereOneIsExpected when current is null => true,
            LogFlaw.RemovesWhateverStandsThere when record is null => current is not null,
            LogFlaw.OverwritesAfterAnOutage when server.Outages > 0 => true,
            LogFlaw.TakesGrowingVersionsOnly when record is not null && record.Version < version => false,
            LogFlaw.RoundsVersions => (double)version == (double)expectedVersion,
            _ => version == expectedVersion,
        };
    }

    private SessionRecord? Find(LogHub hub, string sessionId) =>
        server.Records.Find(KeyOf(hub, sessionId), server.Time.GetUtcNow(), hub.Retention.MaxAge);

    private string KeyOf(LogHub hub, string sessionId)
    {
        var name = flaw == LogFlaw.MixesSessionsOfHubs ? "" : hub.Name;
        var session = flaw == LogFlaw.MixesSessionsThatLookAlike ? sessionId.ToUpperInvariant() : sessionId;
        return $"{cluster}:{name}:{session}:{(flaw == LogFlaw.KeepsRecordsAtTheirNode ? _number : 0)}";
    }

    private void ThrowIfStale(LogHub hub, LogAppend append)
    {
        if (append.Fence is not { } fence || flaw == LogFlaw.PassesStaleFences)
        {
            return;
        }

        lock (server.Gate)
        {
            if (Find(hub, fence.SessionId) is { Version: var version } && flaw != LogFlaw.RefusesCurrentFences
                && (version == fence.Version || (version == fence.NextVersion && flaw != LogFlaw.ForgetsNextVersions)))
            {
                return;
            }

            switch (flaw)
            {
                case LogFlaw.StaleFencesUseUpKeys when append.IdempotencyKey is not null:
                case LogFlaw.StaleAppendsTakeOffsets:
                    server.Append(this, hub, append);
                    break;
            }
        }

        throw new StaleFenceException();
    }

    private void Check(LogHub hub, string sessionId)
    {
        Check(hub);
        if (flaw != LogFlaw.AcceptsNoArguments)
        {
            ArgumentException.ThrowIfNullOrEmpty(sessionId);
        }
    }
}
