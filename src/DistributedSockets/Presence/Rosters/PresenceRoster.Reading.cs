using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>The loop that reads who is there from the store: at the beginning, and whenever something may have been missed.</summary>
internal sealed partial class PresenceRoster
{
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    // Of the loop alone.
    private long? _noLedgerSince;
    private bool _isFailing;

    private async Task RunAsync(CancellationToken stopping)
    {
        var isSubscribed = false;
        while (!stopping.IsCancellationRequested)
        {
            var isRead = false;
            try
            {
                if (!isSubscribed)
                {
                    await _subscriptions.AcquireAsync(_hub.PresenceChannel, keep: false); // for as long as the process lives
                    isSubscribed = true;
                }

                isRead = await ReadSnapshotAsync(stopping);
                NoteSuccess();
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                NoteFailure(exception);
            }

            // Never more often, however many ask for it.
            await Task.Delay(s_pause, _time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (isRead)
            {
                Task wanted;
                lock (_gate)
                {
                    wanted = _wanted.Task;
                }

                await wanted.WaitAsync(stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Reads who is there from the store, and then applies what came meanwhile.</summary>
    /// <returns>False if the records are no whole yet.</returns>
    private async Task<bool> ReadSnapshotAsync(CancellationToken cancellationToken)
    {
        var outages = _health.BackplaneOutages;
        outages = _health.IsBackplaneAway || _health.IsBackplanePartlyAway ? NoOutage : outages;
        long floor;
        lock (_gate)
        {
            _wanted = NewSignal();
            _meanwhile = [];
            floor = _mirror.LastVersion; // what was announced by now had been written before
        }

        try
        {
            var ledger = await ReadLedgerAsync(cancellationToken);
            if (ledger is { IsSettled: false } || IsPerhapsLost(ledger))
            {
                return false;
            }

            var mirror = new PresenceMirror(ledger?.Epoch, ledger?.Epoch == _mirror.Epoch ? floor : 0);
            await foreach (var record in _store.Value.ListPresenceAsync(Hub, cancellationToken))
            {
                if (PresenceSubject.TryParse(record.Key, out var subject) && PresenceEntry.Read(record).IsPresent)
                {
                    mirror.Load(subject, record.Version);
                }
            }

            var after = await ReadLedgerAsync(cancellationToken);
            return after?.Epoch == ledger?.Epoch && after is null or { IsSettled: true } && Take(mirror, outages);
        }
        finally
        {
            lock (_gate)
            {
                _meanwhile = null;
            }
        }
    }

    /// <summary>
    /// Whether the ledger that was there before may only have been lost. A store that has lost everything has it again a heartbeat later; that of
    /// nodes that have all signed off stays away.
    /// </summary>
    private bool IsPerhapsLost(PresenceLedger? ledger)
    {
        if (ledger is not null || _mirror.Epoch is null)
        {
            _noLedgerSince = null;
            return false;
        }

        _noLedgerSince ??= _time.GetTimestamp();
        return _time.GetElapsedTime(_noLedgerSince.Value) < _leaseExpiry;
    }

    private bool Take(PresenceMirror mirror, int outages)
    {
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            foreach (var (epoch, news) in _meanwhile ?? [])
            {
                if (epoch == mirror.Epoch)
                {
                    mirror.Apply(news, now);
                }
            }

            _mirror = mirror;
            _outages = outages;
            _isCurrent = !_wanted.Task.IsCompleted;
            _read.TrySetResult();
            _read = NewSignal();
            _first?.TrySetResult();
            _first = null;
            return true;
        }
    }

    private async Task<PresenceLedger?> ReadLedgerAsync(CancellationToken cancellationToken) =>
        PresenceLedger.Read((await _store.Value.ReadPresenceAsync(Hub, [PresenceLedger.Key], cancellationToken))[0]);

    private void NoteFailure(Exception exception)
    {
        lock (_gate)
        {
            if (_first is not null)
            {
                _first.TrySetException(exception);
                _first.Task.Observe(); // perhaps nobody waits
                _first = NewSignal();
            }
        }

        if (!_isFailing)
        {
            _isFailing = true;
            Log.NotRead(_logger, Hub, exception);
        }
    }

    private void NoteSuccess()
    {
        if (_isFailing)
        {
            _isFailing = false;
            Log.ReadAgain(_logger, Hub);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(279, LogLevel.Warning, "Who is online in hub {Hub} could not be read from the session store; the roster shows what it knew, and it is tried again.")]
        public static partial void NotRead(ILogger logger, string hub, Exception exception);

        [LoggerMessage(280, LogLevel.Information, "Who is online in hub {Hub} has been read from the session store again.")]
        public static partial void ReadAgain(ILogger logger, string hub);
    }
}
