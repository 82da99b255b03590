using System.Collections.Concurrent;

namespace DistributedSockets;

/// <summary>Carries envelopes between the hosts of one process. The default, where it is a cluster of one.</summary>
internal sealed class InMemoryBackplane(InMemoryCluster cluster) : IBackplane
{
    internal const string SystemName = "in_memory";

    private readonly ConcurrentDictionary<string, bool> _channels = new(StringComparer.Ordinal);
    private IBackplaneReceiver? _receiver;
    private volatile bool _disposed;

    public string System => SystemName;

    public string Reach => cluster.Id;

    private IBackplaneReceiver Receiver
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _receiver ?? throw new InvalidOperationException("The backplane has not been started. Call StartAsync first.");
        }
    }

    public ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        _receiver = receiver;
        return ValueTask.CompletedTask;
    }

    public ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<PublishResult>(cancellationToken);
        }

        _ = Receiver;
        return new(PublishResult.Counted(cluster.Publish(channel, payload)));
    }

    public ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        var receiver = Receiver;
        if (_channels.TryAdd(channel, true))
        {
            cluster.Subscribe(channel, receiver);
            if (_disposed)
            {
                // Disposal may have passed by before it could see this channel.
                cluster.Unsubscribe(channel, receiver);
                ObjectDisposedException.ThrowIf(true, this);
            }
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        if (_channels.TryRemove(channel, out _) && _receiver is { } receiver)
        {
            cluster.Unsubscribe(channel, receiver); // also while disposal runs, which does not see this channel any more
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        // The flag first: a subscribe that runs meanwhile either is seen here or sees it. Whoever disposes too does the same work again
        // rather than return before it is done.
        _disposed = true;
        if (_receiver is { } receiver)
        {
            foreach (var (channel, _) in _channels)
            {
                cluster.Unsubscribe(channel, receiver);
            }
        }

        return ValueTask.CompletedTask;
    }
}
