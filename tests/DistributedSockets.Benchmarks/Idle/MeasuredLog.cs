using Microsoft.Extensions.Options;

namespace DistributedSockets.Benchmarks.Idle;

/// <summary>The log in memory, with the records of sessions, until it lets go of all: so it shows what of a process is the log's, which would otherwise be elsewhere.</summary>
internal sealed class MeasuredLog : IMessageLog, ISessionRecordStore
{
    private volatile InMemoryMessageLog? _log = new(new InMemoryCluster(), Options.Create(new DistributedWebSocketsClusterOptions()));

    private LogPosition _end;

    public string System => Log.System;

    public bool LimitsBytes => true;

    public bool RefusesStaleAppends => true;

    private InMemoryMessageLog Log => _log ?? throw new MessageLogUnavailableException("The log is gone, as it has been measured.");

    /// <summary>Lets go of entries and records. Whatever is asked of the log afterwards fails.</summary>
    public void LetGo() => _log = null;

    public ValueTask StartAsync(IMessageLogReceiver receiver, CancellationToken cancellationToken = default) => Log.StartAsync(receiver, cancellationToken);

    public ValueTask<LogAppendResult> AppendAsync(LogHub hub, LogAppend append, CancellationToken cancellationToken = default) =>
        Log.AppendAsync(hub, append, cancellationToken);

    public ValueTask SubscribeAsync(LogHub hub, CancellationToken cancellationToken = default) => Log.SubscribeAsync(hub, cancellationToken);

    public ValueTask UnsubscribeAsync(LogHub hub, CancellationToken cancellationToken = default) => Log.UnsubscribeAsync(hub, cancellationToken);

    public async ValueTask<LogPosition> GetEndAsync(LogHub hub, CancellationToken cancellationToken = default) =>
        _log is { } log ? _end = await log.GetEndAsync(hub, cancellationToken) : _end; // nobody appends any more

    public ValueTask<LogPage> ReadAsync(LogHub hub, LogQuery query, CancellationToken cancellationToken = default) => Log.ReadAsync(hub, query, cancellationToken);

    public ValueTask<SessionRecord?> ReadRecordAsync(LogHub hub, string sessionId, CancellationToken cancellationToken = default) =>
        Log.ReadRecordAsync(hub, sessionId, cancellationToken);

    public ValueTask<SessionRecordSwap> SwapRecordAsync(
        LogHub hub, string sessionId, long expectedVersion, SessionRecord? record, CancellationToken cancellationToken = default) =>
        Log.SwapRecordAsync(hub, sessionId, expectedVersion, record, cancellationToken);

    public ValueTask DisposeAsync() => _log?.DisposeAsync() ?? ValueTask.CompletedTask;
}
