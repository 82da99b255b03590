using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>Writes which users of a hub are on this node, finds who came first and who went last, and has that told.</summary>
/// <remarks>
/// One loop per hub does all of it, one step after the other. A record is changed on condition that nobody else has changed it since it was
/// read, so of several nodes one finds that a user came or went. That stands in the record until it has been told: a write whose answer
/// was lost is found there, and so is what a node that has died was to tell.
/// </remarks>
internal sealed partial class PresenceWriter(
    HubConnections hub,
    LocalPresence local,
    IPresenceStore store,
    PresenceRegistration registration,
    PresenceChannel channel,
    PresenceEvents events,
    NodeHealth health,
    string nodeId,
    TimeProvider time,
    FailSafeLogger logger)
{
    private const int BatchSize = 256;

    private static readonly TimeSpan s_minBackOff = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_maxBackOff = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stopping = new();
    private Task _loop = Task.CompletedTask;
    private PresenceKeeper? _keeper;
    private bool _isEntered;
    private bool _isFailing;
    private volatile bool _isBeatDue;
    private long _number;

    /// <summary>Begins to write.</summary>
    /// <param name="keeper">Cleans up behind others, once this node is the one to do it.</param>
    internal void Start(PresenceKeeper keeper)
    {
        _keeper = keeper;
        _loop = RunAsync(_stopping.Token);
    }

    /// <summary>The node has renewed its lease: time to look whether all is as it should be.</summary>
    internal void Beat()
    {
        _isBeatDue = true;
        local.Wake();
    }

    /// <summary>Writes what is left, has it told, and signs off, for as long as the token allows.</summary>
    internal async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAllAsync();
        try
        {
            await _loop.WaitAsync(cancellationToken);
            while (_isEntered && !local.IsIdle)
            {
                if (!await PassAsync(cancellationToken))
                {
                    await local.WaitAsync(cancellationToken); // for observers that are being told
                }
            }

            if (_isEntered)
            {
                await registration.LeaveAsync(cancellationToken);
            }
        }
        catch (Exception exception)
        {
            Log.NotSignedOff(logger, hub.Name, exception);
        }
    }

    /// <summary>Writes some of what has changed here.</summary>
    /// <returns>Whether there may be more.</returns>
    internal async Task<bool> PassAsync(CancellationToken cancellationToken)
    {
        if (!_isEntered)
        {
            if (!local.HasDirty)
            {
                return false;
            }

            await registration.EnterAsync(isLoss: false, cancellationToken);
            _isEntered = true;
        }

        var batch = local.TakeDirty(BatchSize);
        if (batch.Count > 0)
        {
            await ReviseAsync(batch, cancellationToken);
            return true;
        }

        await registration.CompleteAsync(cancellationToken);
        return false;
    }

    /// <summary>Looks through all records of the hub, and puts right what the ledger says is no longer so.</summary>
    internal async Task LookThroughAsync(PresenceLedger ledger, CancellationToken cancellationToken)
    {
        var batch = new List<LocalSubject>();
        await foreach (var record in store.ListPresenceAsync(hub.Name, cancellationToken))
        {
            if (PresenceSubject.TryParse(record.Key, out var subject) && NeedsRevision(PresenceEntry.Read(record), subject, ledger))
            {
                batch.Add(local.Get(subject));
            }

            if (batch.Count == BatchSize)
            {
                await ReviseAsync(batch, cancellationToken);
                batch = [];
                await PassAsync(cancellationToken); // whoever comes and goes here need not wait for all of it
            }
        }

        if (batch.Count > 0)
        {
            await ReviseAsync(batch, cancellationToken);
        }
    }

    private async Task RunAsync(CancellationToken stopping)
    {
        var backOff = s_minBackOff;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var hasMore = await PassAsync(stopping);
                if (_isBeatDue)
                {
                    _isBeatDue = false;
                    await BeatAsync(stopping);
                    hasMore = true;
                }

                backOff = s_minBackOff;
                NoteSuccess();
                if (!hasMore)
                {
                    await local.WaitAsync(stopping);
                }
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
            }
            catch (Exception exception)
            {
                NoteFailure(exception);
                await Task.Delay(backOff, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                backOff = backOff * 2 < s_maxBackOff ? backOff * 2 : s_maxBackOff;
            }
        }
    }

    private async Task BeatAsync(CancellationToken cancellationToken)
    {
        if (!_isEntered)
        {
            if (!hub.IsServed)
            {
                return; // this process holds no connections of the hub
            }

            await registration.EnterAsync(isLoss: false, cancellationToken);
            _isEntered = true;
        }

        if (await registration.VerifyAsync(cancellationToken) is { } verified)
        {
            await channel.RepeatAsync(verified.Ledger, cancellationToken);
            await _keeper!.KeepAsync(verified.Record, verified.Ledger, cancellationToken); // there since the start
        }
    }

    private async Task ReviseAsync(List<LocalSubject> subjects, CancellationToken cancellationToken)
    {
        try
        {
            var records = await store.ReadPresenceAsync(
                hub.Name, [PresenceLedger.Key, .. subjects.Select(static subject => subject.Key.Key)], cancellationToken);
            if (PresenceLedger.Read(records[0]) is not { } ledger || !registration.IsOwn(ledger))
            {
                local.MarkDirty(subjects);
                await registration.EnterAsync(isLoss: false, cancellationToken);
                return;
            }

            registration.Note(ledger, records[0]!.Version); // the ledger was read from it
            var revisions = new List<PresenceRevision>(subjects.Count);
            for (var i = 0; i < subjects.Count; i++)
            {
                revisions.Add(PresenceRevision.Of(
                    subjects[i], local.Look(subjects[i]), records[i + 1], ledger, nodeId, events.HasObservers, ref _number));
            }

            await WriteAsync(records[0]!.Version, ledger, revisions, cancellationToken); // the ledger was read from it
        }
        catch
        {
            local.MarkDirty(subjects);
            throw;
        }
    }

    private async Task WriteAsync(long guard, PresenceLedger ledger, List<PresenceRevision> revisions, CancellationToken cancellationToken)
    {
        PresenceWrite[] writes = [.. revisions.Select(static revision => revision.Write).OfType<PresenceWrite>()];
        IReadOnlyList<long> versions = [];
        if (writes.Length > 0)
        {
            try
            {
                versions = await store.WritePresenceAsync(hub.Name, PresenceLedger.Key, guard, writes, cancellationToken);
            }
            catch
            {
                channel.Skip(); // some may have been written
                throw;
            }
        }

        var (next, news, refused) = (0, new List<PresenceNews>(), new List<LocalSubject>());
        foreach (var revision in revisions)
        {
            var version = revision.Write is null ? revision.Version : versions[next++];
            if (revision.Write is not null && version == 0)
            {
                refused.Add(revision.Subject); // somebody was quicker
                continue;
            }

            Confirm(revision, version, ledger);
            if (revision.IsNews)
            {
                news.Add(new(revision.Subject.Key, revision.IsPresent, version));
            }
        }

        local.MarkDirty(refused);
        await channel.TellAsync(ledger, news, cancellationToken);
    }

    private void Confirm(PresenceRevision revision, long version, PresenceLedger ledger)
    {
        var (subject, untold) = (revision.Subject, revision.Untold);
        registration.NoteWritten(subject.Key.Key, revision.IsHere);
        local.Confirm(subject, revision.IsHere ? ledger.Epoch : null, untold.Count == 0 ? 0 : untold.Max(static change => change.Number), revision.Settled);
        for (var i = 0; i < untold.Count; i++)
        {
            var number = untold[i].Number;
            var change = new PresenceChange
            {
                Hub = hub.Name,
                Kind = KindOf(subject.Key, untold[i].IsPresent),
                UserId = subject.Key.UserId,
                Group = subject.Key.Group,
                Number = version - (untold.Count - 1 - i), // each was written with a version of its own, none of them later
                Epoch = ledger.Epoch,
            };
            events.Tell(change, () => local.Tell(subject, number));
        }
    }

    private bool NeedsRevision(PresenceEntry entry, PresenceSubject subject, PresenceLedger ledger)
    {
        var holders = entry.Holders?.Count ?? 0;
        entry.RemoveGone(ledger);
        return (entry.Holders?.Count ?? 0) != holders
            || (ledger.IsSettled && (entry.HasHolders != entry.IsPresent || entry.Untold?.Exists(change => ledger.Find(change.NodeId) is null) == true))
            || (entry.Holders?.ContainsKey(nodeId) == true && !local.IsHere(subject));
    }

    private static PresenceChangeKind KindOf(PresenceSubject subject, bool isPresent) => subject.Group is null
        ? isPresent ? PresenceChangeKind.CameOnline : PresenceChangeKind.WentOffline
        : isPresent ? PresenceChangeKind.EnteredGroup : PresenceChangeKind.LeftGroup;

    private void NoteFailure(Exception exception)
    {
        health.PresenceProblem = NodeHealth.Describe(exception);
        if (!_isFailing)
        {
            _isFailing = true;
            Log.NotWritten(logger, hub.Name, exception);
        }
    }

    private void NoteSuccess()
    {
        if (_isFailing)
        {
            _isFailing = false;
            health.PresenceProblem = null;
            Log.WrittenAgain(logger, hub.Name);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(274, LogLevel.Warning, "Who came and went in hub {Hub} could not be written to the session store; it is tried again, and told once it is written.")]
        public static partial void NotWritten(ILogger logger, string hub, Exception exception);

        [LoggerMessage(275, LogLevel.Information, "Who comes and goes in hub {Hub} is written to the session store again.")]
        public static partial void WrittenAgain(ILogger logger, string hub);

        [LoggerMessage(276, LogLevel.Warning, "The node stops before all that was to be told of the presence of hub {Hub} has been told; another node tells it.")]
        public static partial void NotSignedOff(ILogger logger, string hub, Exception exception);
    }
}
