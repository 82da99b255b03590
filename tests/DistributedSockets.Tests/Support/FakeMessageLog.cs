using System.Collections.Concurrent;

namespace DistributedSockets.Tests;

/// <summary>A message log of one node whose hand-overs and answers the test decides on.</summary>
internal class FakeMessageLog : IMessageLog
{
    private readonly FakeLogServer _server;
    private readonly ConcurrentDictionary<string, bool> _subscribed = new();
    private IMessageLogReceiver? _receiver;
    private int _reads;

    internal FakeMessageLog(FakeLogServer server)
    {
        _server = server;
        HandOver = PassOn;
        server.Add(this);
    }

    public string System => "fake";

    public bool LimitsBytes { get; init; } = true;

    internal IMessageLogReceiver Receiver => _receiver ?? throw new InvalidOperationException("Not started.");

    /// <summary>What becomes of an entry of a subscribed hub: handed over, unless the test says otherwise.</summary>
    internal Action<string, long, LogEntry> HandOver { get; set; }

    /// <summary>When set, every call but those that end a subscription fails.</summary>
    internal Exception? Failure { get; set; }

    /// <summary>When set, each append waits for what it gives.</summary>
    internal Func<LogAppend, Task>? BeforeAppend { get; set; }

    /// <summary>When set, hubs cannot be subscribed.</summary>
    internal Exception? SubscribeFailure { get; set; }

    /// <summary>When set, reads fail.</summary>
    internal Exception? ReadFailure { get; set; }

    /// <summary>When set, asked at each read, the first of which is 1, with what it fails.</summary>
    internal Func<int, LogQuery, Exception?>? OnRead { get; set; }

    /// <summary>When set, reads wait for it.</summary>
    internal TaskCompletionSource? ReadGate { get; set; }

    /// <summary>How often it was read.</summary>
    internal int Reads => Volatile.Read(ref _reads);

    internal bool IsSubscribed(string hub) => _subscribed.ContainsKey(hub);

    internal void PassOn(string hub, long epoch, LogEntry entry) => Receiver.OnAppended(hub, epoch, entry);

    /// <summary>Takes an entry from the server, under its lock.</summary>
    internal void OnStored(string hub, long epoch, LogEntry entry)
    {
        if (_subscribed.ContainsKey(hub))
        {
            HandOver(hub, epoch, entry);
        }
    }

    public ValueTask StartAsync(IMessageLogReceiver receiver, CancellationToken cancellationToken = default)
    {
        _receiver = receiver;
        return ValueTask.CompletedTask;
    }

    public async ValueTask<LogAppendResult> AppendAsync(LogHub hub, LogAppend append, CancellationToken cancellationToken = default)
    {
        ThrowIfCut();
        if (BeforeAppend is { } before)
        {
            await before(append);
        }

        return _server.Append(hub.Name, append);
    }

    public ValueTask SubscribeAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        ThrowIfCut();
        if (SubscribeFailure is { } failure)
        {
            throw failure;
        }

        _subscribed[hub.Name] = true;
        return ValueTask.CompletedTask;
    }

    public ValueTask UnsubscribeAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        _subscribed.TryRemove(hub.Name, out _);
        return ValueTask.CompletedTask;
    }

    public ValueTask<LogPosition> GetEndAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        ThrowIfCut();
        return new(_server.End(hub.Name));
    }

    public async ValueTask<LogPage> ReadAsync(LogHub hub, LogQuery query, CancellationToken cancellationToken = default)
    {
        var number = Interlocked.Increment(ref _reads);
        if (ReadGate is { } gate)
        {
            await gate.Task.WaitAsync(cancellationToken);
        }

        ThrowIfCut();
        return (OnRead?.Invoke(number, query) ?? ReadFailure) is { } failure ? throw failure : _server.Read(hub.Name, query);
    }

    public ValueTask DisposeAsync()
    {
        _server.Remove(this);
        return ValueTask.CompletedTask;
    }

    protected void ThrowIfCut()
    {
        if (Failure is { } failure)
        {
            throw failure;
        }
    }
}
