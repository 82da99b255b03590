using System.Text.Json;

namespace DistributedSockets;

/// <summary>Reads the log of one hub for the app.</summary>
internal sealed class HubLogReader(
    HubConnections hub, LocalNode node, HubLogs logs, LogEntryReader reader, RemoteCommands commands, JsonSerializerOptions json, TimeProvider time) : IHubLog
{
    /// <summary>How many bytes a page may have; one message always fits.</summary>
    private const int MaxPageBytes = 4 * 1024 * 1024;

    public ValueTask<LogPosition> GetEndAsync(CancellationToken cancellationToken = default)
    {
        node.ThrowIfNotStarted();
        return logs.GetEndAsync(hub, cancellationToken);
    }

    public async ValueTask<LoggedMessages> ReadAsync(WebSocketTarget target, LogPosition after, int limit, CancellationToken cancellationToken = default)
    {
        var names = Check(target, limit);
        var end = await logs.GetEndAsync(hub, cancellationToken);
        after = after == default ? new(end.Epoch, 0) : after;
        if (after.Epoch != end.Epoch || after.Offset > end.Offset)
        {
            return Unknown(after, end, forwards: true);
        }

        var page = await logs.ReadAsync(hub, Query(target.Kind, names, after, end.Offset, limit), cancellationToken);
        return page.IsKnown ? PageOf(target.Kind, names, page, hasMore: page.ReadTo < end.Offset) : Unknown(after, page.End, forwards: true);
    }

    public async ValueTask<LoggedMessages> ReadLastAsync(
        WebSocketTarget target, int limit, LogPosition? upTo = null, CancellationToken cancellationToken = default)
    {
        var names = Check(target, limit);
        var end = await logs.GetEndAsync(hub, cancellationToken);
        var last = upTo ?? end;
        if (last.Epoch != end.Epoch || last.Offset > end.Offset)
        {
            return Unknown(last, end, forwards: false);
        }

        var query = Query(target.Kind, names, new(last.Epoch, 0), last.Offset, limit) with { FromEnd = true };
        var page = await logs.ReadAsync(hub, query, cancellationToken);
        return page.IsKnown ? PageOf(target.Kind, names, page, hasMore: page.ReadAfter > page.RemovedTo) : Unknown(last, page.End, forwards: false);
    }

    public ValueTask AddToGroupAsync(string connectionId, string group, int last, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(connectionId);
        Names.Check(group, nameof(group));
        ArgumentOutOfRangeException.ThrowIfLessThan(last, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(last, IHubLog.MaxLimit);
        cancellationToken.ThrowIfCancellationRequested();
        node.ThrowIfNotStarted();
        return commands.InvokeAsync(hub, new(RemoteCommandKind.AddToGroupWithLast, connectionId, group, (ushort)last), cancellationToken);
    }

    private static LogQuery Query(WebSocketTargetKind kind, string[] names, LogPosition after, long upTo, int limit) => new()
    {
        Targets = LoggedSender.TargetsOf(kind, names),
        Epoch = after.Epoch,
        After = after.Offset,
        UpTo = upTo,
        MaxEntries = limit,
        MaxBytes = MaxPageBytes,
    };

    /// <summary>The answer to a position that the log does not know.</summary>
    private static LoggedMessages Unknown(LogPosition position, LogPosition end, bool forwards)
    {
        var isOther = position.Epoch != end.Epoch;
        var from = isOther && forwards ? new LogPosition(end.Epoch, 0) : end; // what is there now begins here
        return new()
        {
            Messages = [],
            After = from,
            UpTo = from,
            HasMore = (isOther || !forwards) && end.Offset > 0,
            Gap = new() { Cause = isOther ? LogGapCause.OtherEpoch : LogGapCause.BeyondEnd, UpTo = from },
        };
    }

    private static bool Means(in Envelope envelope, WebSocketTargetKind kind, HashSet<string>.AlternateLookup<ReadOnlySpan<char>> names)
    {
        if (envelope.Kind != EnvelopeKind.Frame || envelope.Target != kind)
        {
            return false;
        }

        if (kind == WebSocketTargetKind.All)
        {
            return true;
        }

        Span<char> scratch = stackalloc char[NameList.ScratchChars];
        foreach (var name in envelope.Names(scratch))
        {
            if (names.Contains(name))
            {
                return true;
            }
        }

        return false;
    }

    /// <returns>The names of the target, each once.</returns>
    private string[] Check(in WebSocketTarget target, int limit)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, IHubLog.MaxLimit);
        SendPreparation.Check(target, default);
        node.ThrowIfNotStarted();
        var names = MessageSender.Distinct(target);
        if (target.Kind != WebSocketTargetKind.All && names.Length is 0 or > LogQuery.MaxTargets)
        {
            throw new ArgumentException($"The target has {names.Length} names. Name 1 to {LogQuery.MaxTargets}.", nameof(target));
        }

        return names;
    }

    private LoggedMessages PageOf(WebSocketTargetKind kind, string[] names, LogPage page, bool hasMore)
    {
        var epoch = page.End.Epoch;
        var wanted = new HashSet<string>(names, StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
        var messages = new List<LoggedMessage>(page.Entries.Count);
        foreach (var entry in page.Entries)
        {
            // Under which targets an entry stands is the log's word; whom it was meant for is the sender's.
            if (reader.Read(hub, entry.Payload, out var envelope) == EnvelopeVerdict.Taken
                && Means(envelope, kind, wanted)
                && DeliveryTerms.Of(envelope, hub.Options.RecipientFilters, LogAge.Since(entry, time), time)?.IsExpired != true
                && SharedFrame.TryWrap(envelope.Frame, envelope.HasDeflated, out var frame))
            {
                using (frame)
                {
                    messages.Add(new()
                    {
                        Position = new(epoch, entry.Offset),
                        LoggedAt = entry.AppendedAt,
                        Message = new(frame.Payload, frame.MessageType, json), // a slice of the entry, which is never changed
                    });
                }
            }
        }

        return new()
        {
            Messages = messages,
            After = new(epoch, page.ReadAfter),
            UpTo = new(epoch, page.ReadTo),
            HasMore = hasMore,
            Gap = page.RemovedTo > page.ReadAfter ? new() { Cause = LogGapCause.Removed, UpTo = new(epoch, page.RemovedTo) } : null,
        };
    }
}
