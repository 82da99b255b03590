namespace DistributedSockets;

/// <summary>What a subject's record is to become, and what is to be told when it has.</summary>
internal sealed class PresenceRevision
{
    internal required LocalSubject Subject { get; init; }

    /// <summary>What to write; null if the record is as it should be.</summary>
    internal required PresenceWrite? Write { get; init; }

    /// <summary>The version of the record as it was read; 0 if there was none.</summary>
    internal required long Version { get; init; }

    /// <summary>Whether this node holds the subject then.</summary>
    internal required bool IsHere { get; init; }

    /// <summary>Whether the subject is present then.</summary>
    internal required bool IsPresent { get; init; }

    /// <summary>Whether that is news, for the rosters.</summary>
    internal required bool IsNews { get; init; }

    /// <summary>Changes that this node is to tell its observers.</summary>
    internal required IReadOnlyList<UntoldChange> Untold { get; init; }

    /// <summary>Up to which number this node's changes stand in the record no more.</summary>
    internal required long Settled { get; init; }

    /// <summary>Works out what a record is to become by the ledger, by what is here, and by what has been told.</summary>
    /// <param name="subject">The subject.</param>
    /// <param name="state">How it is here.</param>
    /// <param name="record">Its record.</param>
    /// <param name="ledger">The ledger, in which this node is.</param>
    /// <param name="nodeId">This node.</param>
    /// <param name="hasObservers">Whether changes are told to observers.</param>
    /// <param name="number">The last number that was given to a change of this node.</param>
    internal static PresenceRevision Of(
        LocalSubject subject, in LocalState state, PresenceRecord? record, PresenceLedger ledger, string nodeId, bool hasObservers, ref long number)
    {
        var entry = PresenceEntry.Read(record);
        entry.RemoveGone(ledger);
        if (state.HeldIn is { } epoch && epoch != ledger.Epoch)
        {
            entry.IsPresent = true; // it was told before the store lost it
        }

        if (state.IsHere)
        {
            (entry.Holders ??= new(StringComparer.Ordinal))[nodeId] = ledger.Nodes[nodeId].Life;
        }
        else
        {
            entry.Holders?.Remove(nodeId);
        }

        var told = state.Told;
        entry.Untold?.RemoveAll(change => change.NodeId == nodeId && change.Number <= told);
        foreach (var change in entry.Untold ?? [])
        {
            if (ledger.IsSettled && ledger.Find(change.NodeId) is null)
            {
                (change.NodeId, change.Number) = (nodeId, ++number); // whoever was to tell it is gone; after a loss it may be about to come back, and may have told it
            }
        }

        var isDecided = ledger.IsSettled && entry.HasHolders != entry.IsPresent;
        if (isDecided)
        {
            entry.Decide(nodeId, ++number);
        }

        if (!hasObservers)
        {
            entry.Untold?.RemoveAll(change => change.NodeId == nodeId);
        }

        var announced = state.Announced;
        UntoldChange[] untold = [.. (entry.Untold ?? []).Where(change => change.NodeId == nodeId && change.Number > announced)];
        return new()
        {
            Subject = subject,
            Write = WriteOf(subject.Key.Key, record, entry.Write()),
            Version = record?.Version ?? 0,
            IsHere = state.IsHere,
            IsPresent = entry.IsPresent,
            IsNews = isDecided || untold.Length > 0,
            Untold = untold,
            Settled = told,
        };
    }

    private static PresenceWrite? WriteOf(string key, PresenceRecord? record, byte[]? value) =>
        (record is null && value is null) || (record is not null && value is not null && record.Value.Span.SequenceEqual(value))
            ? null
            : new() { Key = key, ExpectedVersion = record?.Version ?? 0, Value = value is null ? null : (ReadOnlyMemory<byte>?)value };
}
