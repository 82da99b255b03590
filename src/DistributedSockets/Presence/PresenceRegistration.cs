using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>This node in the ledger of a hub: enters it, notices when the store has lost something, and leaves it. Used by one at a time.</summary>
internal sealed partial class PresenceRegistration(
    string hub, LocalPresence local, IPresenceStore store, string nodeId, TimeProvider time, FailSafeLogger logger)
{
    private PresenceLedger? _known;
    private HashSet<string>? _former;
    private string? _proof;
    private bool _isComplete;
    private long? _unsettledSince;
    private long _version; // of the ledger, as it was last seen: it only grows, unless the store goes back to an older state

    /// <summary>The epoch that this node knows; null if it has entered none.</summary>
    internal string? Epoch { get; private set; }

    /// <summary>What stands behind this node's name in what it holds.</summary>
    internal int Life { get; private set; }

    /// <summary>Whether this node stands in a ledger as it entered it.</summary>
    internal bool IsOwn(PresenceLedger ledger) => ledger.Epoch == Epoch && ledger.Find(nodeId)?.Life == Life;

    /// <summary>Enters the ledger, and has everything written that is here.</summary>
    /// <param name="isLoss">Whether the store has lost something of the epoch that this node knows, so that a new one begins.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    internal async Task EnterAsync(bool isLoss, CancellationToken cancellationToken)
    {
        while (true)
        {
            var record = await ReadAsync(cancellationToken);
            var before = PresenceLedger.Read(record);
            var node = new PresenceNode { Life = Math.Max(Life, before?.Find(nodeId)?.Life ?? 0) + 1, IsComplete = !local.HoldsAny };
            var isNew = before is null || ((isLoss || IsOlder(record)) && before.Epoch == Epoch);
            var isOther = Epoch is not null && (isNew || before!.Epoch != Epoch); // before is null only if it is new
            var ledger = isNew
                ? new() { Epoch = Guid.NewGuid().ToString("N"), IsSettled = Epoch is null, IsLookDue = before is not null, Nodes = new(StringComparer.Ordinal) { [nodeId] = node } }
                : before!.With(nodeId, node);
            if (isOther && !isNew && local.HoldsAny)
            {
                ledger = ledger with { IsSettled = false }; // whoever began it had nothing to remember
            }

            var version = await WriteAsync(record?.Version ?? 0, ledger, cancellationToken);
            if (version == 0)
            {
                continue;
            }

            if (Epoch is not null)
            {
                LogEntered(isOther);
            }

            // What others were told of this node's end they must be told of its return; what the store lost they were not told.
            var wasTakenForLost = Epoch is not null && !isOther;
            _former = isOther ? _known?.Nodes.Keys.Where(id => id != nodeId).ToHashSet(StringComparer.Ordinal) ?? [] : _former;
            (Epoch, Life, _isComplete, _proof) = (ledger.Epoch, node.Life, node.IsComplete, null);
            _unsettledSince = null;
            _version = version;
            Note(ledger, version);
            local.MarkAllDirty(forget: wasTakenForLost);
            return;
        }
    }

    /// <summary>Looks whether all is as it was left.</summary>
    /// <returns>The ledger and its record; nothing if this node had to enter it, and everything is to be written again.</returns>
    internal async Task<(PresenceRecord Record, PresenceLedger Ledger)?> VerifyAsync(CancellationToken cancellationToken)
    {
        string[] keys = _proof is { } key ? [PresenceLedger.Key, key] : [PresenceLedger.Key];
        var records = await store.ReadPresenceAsync(hub, keys, cancellationToken);
        var ledger = PresenceLedger.Read(records[0]);
        var isLoss = false;
        if (ledger is not null && IsOwn(ledger))
        {
            // A store may go back to an older state, and the ledger be as old as that.
            isLoss = IsOlder(records[0]) || (_proof is not null && PresenceEntry.Read(records[1]).Holders?.GetValueOrDefault(nodeId) != Life);
            if (!isLoss)
            {
                Note(ledger, records[0]!.Version);
                return (records[0]!, ledger); // it was read from it
            }
        }

        await EnterAsync(isLoss, cancellationToken);
        return null;
    }

    /// <summary>Notes the ledger as it was last read.</summary>
    internal void Note(PresenceLedger ledger, long version)
    {
        _known = ledger;
        _version = Math.Max(_version, version);
        _unsettledSince = ledger.IsSettled ? null : _unsettledSince ?? time.GetTimestamp();
        _former = ledger.IsSettled ? null : _former;
    }

    /// <summary>Notes a record that has been written: as long as it says that this node holds the subject, the store has gone back to no older state.</summary>
    internal void NoteWritten(string key, bool isHere) => _proof = isHere ? key : _proof == key ? null : _proof;

    /// <summary>Says in the ledger that all has been written again, if that is waited for.</summary>
    internal async Task CompleteAsync(CancellationToken cancellationToken)
    {
        while (!_isComplete && _known is { IsSettled: false })
        {
            var record = await ReadAsync(cancellationToken);
            if (PresenceLedger.Read(record) is not { } ledger || !IsOwn(ledger))
            {
                return; // noticed at the next write or beat
            }

            Note(ledger, record!.Version); // it was read from it
            _isComplete = ledger.IsSettled
                || await TryWriteAsync(record, ledger.With(nodeId, new() { Life = Life, IsComplete = true }), cancellationToken);
        }
    }

    /// <summary>Whether changes can be told again: all who were there before the loss have written what they have, or had their time.</summary>
    internal bool CanSettle(PresenceLedger ledger, TimeSpan patience) =>
        ledger.Nodes.Values.All(static node => node.IsComplete)
        && ((_former is not null && _former.All(ledger.Nodes.ContainsKey))
            || (_unsettledSince is { } since && time.GetElapsedTime(since) >= patience));

    /// <summary>Writes the ledger, unless it was changed since.</summary>
    internal async Task<bool> TryWriteAsync(PresenceRecord? before, PresenceLedger ledger, CancellationToken cancellationToken) =>
        await WriteAsync(before?.Version ?? 0, ledger, cancellationToken) > 0;

    /// <summary>Writes the ledger, unless it was changed since; no ledger deletes it.</summary>
    /// <returns>The version; 0 if it was not written.</returns>
    internal async Task<long> WriteAsync(long version, PresenceLedger? ledger, CancellationToken cancellationToken)
    {
        var write = new PresenceWrite { Key = PresenceLedger.Key, ExpectedVersion = version, Value = ledger is null ? null : (ReadOnlyMemory<byte>?)ledger.Write() };
        return (await store.WritePresenceAsync(hub, PresenceLedger.Key, version, [write], cancellationToken))[0];
    }

    /// <summary>Takes this node out of the ledger; if it leaves something behind, others look it through.</summary>
    internal async Task LeaveAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var record = await ReadAsync(cancellationToken);
            if (PresenceLedger.Read(record) is not { } ledger || !IsOwn(ledger))
            {
                return;
            }

            var left = ledger.Without([nodeId]);
            left = left with { IsLookDue = left.IsLookDue || !local.IsEmpty };
            var isLast = left is { IsSettled: true, IsLookDue: false, Nodes.Count: 0 };
            if (await WriteAsync(record!.Version, isLast ? null : left, cancellationToken) > 0) // a ledger was read from it
            {
                return;
            }
        }
    }

    private bool IsOlder(PresenceRecord? ledger) => ledger is not null && ledger.Version < _version;

    private async Task<PresenceRecord?> ReadAsync(CancellationToken cancellationToken) =>
        (await store.ReadPresenceAsync(hub, [PresenceLedger.Key], cancellationToken))[0];

    private void LogEntered(bool isOtherEpoch)
    {
        if (isOtherEpoch)
        {
            Log.StoreLost(logger, hub);
        }
        else
        {
            Log.TakenForLost(logger, hub, nodeId);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(272, LogLevel.Warning, "The session store has lost what it knew of the presence of hub {Hub}; it is written again, and changes are told once that is done.")]
        public static partial void StoreLost(ILogger logger, string hub);

        [LoggerMessage(273, LogLevel.Warning, "Others have told that the users of hub {Hub} on node {NodeId} went offline, as its lease had run out; that they are back is told now.")]
        public static partial void TakenForLost(ILogger logger, string hub, string nodeId);
    }
}
