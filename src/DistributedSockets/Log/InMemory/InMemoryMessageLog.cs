using System.Collections.Concurrent;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Keeps the logs of the hosts of one process. The default, where it is a cluster of one.</summary>
internal sealed class InMemoryMessageLog(InMemoryCluster cluster, IOptions<DistributedWebSocketsClusterOptions> options) : IMessageLog, ISessionRecordStore
{
    private readonly ConcurrentDictionary<string, bool> _hubs = new(StringComparer.Ordinal);
    private IMessageLogReceiver? _receiver;
    private volatile bool _disposed;

    public string System => InMemoryBackplane.SystemName;

    public bool LimitsBytes => true;

    public bool RefusesStaleAppends => true;

    private IMessageLogReceiver Receiver
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _receiver ?? throw new InvalidOperationException("The message log has not been started. Call StartAsync first.");
        }
    }

    public ValueTask StartAsync(IMessageLogReceiver receiver, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        _receiver = receiver;
        return ValueTask.CompletedTask;
    }

    public ValueTask<LogAppendResult> AppendAsync(LogHub hub, LogAppend append, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(append.Targets, nameof(append));
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<LogAppendResult>(cancellationToken);
        }

        _ = Receiver;
        return new(Of(hub).Append(append, hub.Retention));
    }

    public ValueTask SubscribeAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(hub);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        var receiver = Receiver;
        if (_hubs.TryAdd(hub.Name, true))
        {
            Of(hub).Subscribe(receiver);
            if (_disposed)
            {
                // Disposal may have passed by before it could see this hub.
                Of(hub).Unsubscribe(receiver);
                ObjectDisposedException.ThrowIf(true, this);
            }
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask UnsubscribeAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(hub);
        if (_hubs.TryRemove(hub.Name, out _) && _receiver is { } receiver)
        {
            Of(hub).Unsubscribe(receiver); // also while disposal runs, which does not see this hub any more
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<LogPosition> GetEndAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(hub);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<LogPosition>(cancellationToken);
        }

        _ = Receiver;
        return new(Of(hub).End(hub.Retention));
    }

    public ValueTask<LogPage> ReadAsync(LogHub hub, LogQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentOutOfRangeException.ThrowIfLessThan(query.MaxEntries, 1, nameof(query));
        ArgumentOutOfRangeException.ThrowIfLessThan(query.UpTo, query.After, nameof(query));
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<LogPage>(cancellationToken);
        }

        _ = Receiver;
        return new(Of(hub).Read(query, hub.Retention));
    }

    public ValueTask<SessionRecord?> ReadRecordAsync(LogHub hub, string sessionId, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentException.ThrowIfNullOrEmpty(sessionId);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<SessionRecord?>(cancellationToken);
        }

        _ = Receiver;
        return new(Of(hub).ReadRecord(sessionId, hub.Retention));
    }

    public ValueTask<SessionRecordSwap> SwapRecordAsync(
        LogHub hub, string sessionId, long expectedVersion, SessionRecord? record, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentException.ThrowIfNullOrEmpty(sessionId);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<SessionRecordSwap>(cancellationToken);
        }

        _ = Receiver;
        return new(Of(hub).SwapRecord(sessionId, expectedVersion, record, hub.Retention));
    }

    public ValueTask DisposeAsync()
    {
        // The flag first: a subscribe that runs meanwhile either is seen here or sees it. Whoever disposes too does the same work again
        // rather than return before it is done.
        _disposed = true;
        if (_receiver is { } receiver)
        {
            foreach (var (hub, _) in _hubs)
            {
                cluster.HubLog(options.Value.Prefix, hub).Unsubscribe(receiver);
            }
        }

        return ValueTask.CompletedTask;
    }

    private InMemoryHubLog Of(LogHub hub) => cluster.HubLog(options.Value.Prefix, hub.Name);
}
