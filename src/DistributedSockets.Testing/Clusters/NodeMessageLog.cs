namespace DistributedSockets.Testing;

/// <summary>The message log of a node that can be killed: nothing of it returns afterwards, and nothing comes of it.</summary>
internal class NodeMessageLog(IMessageLog inner, CrashGate gate) : IMessageLog, IMessageLogReceiver
{
    private IMessageLogReceiver? _receiver;

    public string System => inner.System;

    public bool LimitsBytes => inner.LimitsBytes;

    public ValueTask StartAsync(IMessageLogReceiver receiver, CancellationToken cancellationToken = default)
    {
        _receiver = receiver;
        return inner.StartAsync(this, cancellationToken);
    }

    public async ValueTask<LogAppendResult> AppendAsync(LogHub hub, LogAppend append, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        var result = await inner.AppendAsync(hub, append, cancellationToken);
        await gate.PassAsync(cancellationToken);
        return result;
    }

    public async ValueTask SubscribeAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        await inner.SubscribeAsync(hub, cancellationToken);
    }

    public async ValueTask UnsubscribeAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        await inner.UnsubscribeAsync(hub, cancellationToken);
    }

    public async ValueTask<LogPosition> GetEndAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        return await inner.GetEndAsync(hub, cancellationToken);
    }

    public async ValueTask<LogPage> ReadAsync(LogHub hub, LogQuery query, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        return await inner.ReadAsync(hub, query, cancellationToken);
    }

    public void OnAppended(string hub, long epoch, in LogEntry entry)
    {
        if (!gate.IsCrashed)
        {
            _receiver?.OnAppended(hub, epoch, entry);
        }
    }

    public void OnUnavailable(Exception? cause) => _receiver?.OnUnavailable(cause);

    public void OnAvailable() => _receiver?.OnAvailable();

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
