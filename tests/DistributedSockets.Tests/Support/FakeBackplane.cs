using System.Collections.Concurrent;

namespace DistributedSockets.Tests;

/// <summary>A backplane over an in-memory cluster that can be cut off, and that counts what it is asked for.</summary>
internal sealed class FakeBackplane(InMemoryCluster cluster) : IBackplane
{
    private readonly InMemoryBackplane _inner = new(cluster);
    private IBackplaneReceiver? _receiver;
    private int _disposals;

    public string System => "fake";

    internal ConcurrentQueue<string> Calls { get; } = new();

    /// <summary>What was published while <see cref="Records"/> was set.</summary>
    internal ConcurrentQueue<(string Channel, byte[] Payload)> Published { get; } = new();

    internal bool Records { get; set; }

    /// <summary>When set, every call fails.</summary>
    internal Exception? Failure { get; set; }

    /// <summary>When set, calls for the channels fail for which it gives an exception.</summary>
    internal Func<string, Exception?>? FailureOf { get; set; }

    /// <summary>When set, called at the start, before anything else.</summary>
    internal Func<CancellationToken, Task>? OnStart { get; set; }

    internal int Disposals => _disposals;

    /// <summary>When set, subscribes wait for it.</summary>
    internal TaskCompletionSource? SubscribeGate { get; set; }

    /// <summary>When set, publishes wait for it.</summary>
    internal TaskCompletionSource? PublishGate { get; set; }

    /// <summary>When set, publishes are taken and go nowhere.</summary>
    internal bool Swallow { get; set; }

    /// <summary>When set, publishes for the channels reach nobody, and the transport says so.</summary>
    internal Func<string, bool>? IsDeaf { get; set; }

    /// <summary>When set, a publish does not tell how many nodes took it.</summary>
    internal bool HidesReceivers { get; set; }

    internal IBackplaneReceiver Receiver => _receiver ?? throw new InvalidOperationException("Not started.");

    public async ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default)
    {
        _receiver = receiver;
        if (OnStart is { } onStart)
        {
            await onStart(cancellationToken);
        }

        await _inner.StartAsync(receiver, cancellationToken);
    }

    public async ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
    {
        Calls.Enqueue($"publish {channel}");
        if (Records)
        {
            Published.Enqueue((channel, payload.ToArray()));
        }

        if (PublishGate is { } gate)
        {
            await gate.Task;
        }

        ThrowIfCut(channel);
        if (IsDeaf?.Invoke(channel) == true)
        {
            return PublishResult.Counted(0);
        }

        var result = Swallow ? PublishResult.Taken : await _inner.PublishAsync(channel, payload, cancellationToken);
        return HidesReceivers ? PublishResult.Taken : result;
    }

    public async ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default)
    {
        Calls.Enqueue($"subscribe {channel}");
        if (SubscribeGate is { } gate)
        {
            await gate.Task;
        }

        ThrowIfCut(channel);
        await _inner.SubscribeAsync(channel, cancellationToken);
    }

    public ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default)
    {
        Calls.Enqueue($"unsubscribe {channel}");
        return _inner.UnsubscribeAsync(channel, cancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        Interlocked.Increment(ref _disposals);
        return _inner.DisposeAsync();
    }

    internal int Count(string call) => Calls.Count(made => made == call);

    private void ThrowIfCut(string channel)
    {
        if ((Failure ?? FailureOf?.Invoke(channel)) is { } failure)
        {
            throw failure;
        }
    }
}
