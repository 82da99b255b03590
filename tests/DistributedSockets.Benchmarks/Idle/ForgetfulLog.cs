namespace DistributedSockets.Benchmarks.Idle;

/// <summary>A log that hands over what is appended and keeps nothing, so that what a process holds is the node's.</summary>
internal sealed class ForgetfulLog : IMessageLog, ISessionRecordStore
{
    private readonly Lock _gate = new();
    private IMessageLogReceiver? _receiver;
    private long _end;

    public string System => "forgetful";

    public bool LimitsBytes => true;

    public bool RefusesStaleAppends => false;

    public ValueTask StartAsync(IMessageLogReceiver receiver, CancellationToken cancellationToken = default)
    {
        _receiver = receiver;
        return ValueTask.CompletedTask;
    }

    public ValueTask<LogAppendResult> AppendAsync(LogHub hub, LogAppend append, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            var entry = new LogEntry { Offset = _end + 1, PreviousOffset = _end, AppendedAt = TimeProvider.System.GetUtcNow(), Payload = append.Payload.ToArray() };
            _end++;
            _receiver!.OnAppended(hub.Name, 1, entry); // it has been started
            return new(new LogAppendResult { Position = new(1, entry.Offset), PreviousOffset = entry.PreviousOffset });
        }
    }

    public ValueTask SubscribeAsync(LogHub hub, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    public ValueTask UnsubscribeAsync(LogHub hub, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    public ValueTask<LogPosition> GetEndAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            return new(new LogPosition(1, _end));
        }
    }

    public ValueTask<LogPage> ReadAsync(LogHub hub, LogQuery query, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            return new(new LogPage { Entries = [], IsKnown = true, End = new(1, _end), ReadAfter = query.After, ReadTo = query.UpTo, RemovedTo = 0 });
        }
    }

    public ValueTask<SessionRecord?> ReadRecordAsync(LogHub hub, string sessionId, CancellationToken cancellationToken = default) => new((SessionRecord?)null);

    public ValueTask<SessionRecordSwap> SwapRecordAsync(
        LogHub hub, string sessionId, long expectedVersion, SessionRecord? record, CancellationToken cancellationToken = default) =>
        new(new SessionRecordSwap { IsDone = true });

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
