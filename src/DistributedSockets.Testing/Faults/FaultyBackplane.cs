using System.Collections.Concurrent;

namespace DistributedSockets.Testing;

/// <summary>Puts faults between a node and its backplane: payloads are lost, late, doubled or overtaken, and the transport can be cut.</summary>
/// <remarks>
/// Faults are made where payloads arrive, so one node may miss what another gets. Without faults and cuts it keeps the contract as well as the
/// backplane below; lost, doubled and overtaken payloads break it, which is what they are for.
/// </remarks>
public sealed class FaultyBackplane : IBackplane
{
    private readonly IBackplane _inner;
    private readonly TimeProvider _time;
    private readonly FaultCounter _counter = new();
    private readonly ConcurrentDictionary<string, FaultyChannel> _channels = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private IBackplaneReceiver? _receiver;
    private volatile bool _cut;
    private Exception? _cause;
    private Action<IBackplaneReceiver>? _innerTrouble;
    private bool _disposed;

    /// <summary>Puts faults before a backplane.</summary>
    /// <param name="inner">The backplane that carries the payloads. It is started and disposed with this one.</param>
    /// <param name="options">The faults; <see langword="null"/> for none.</param>
    /// <param name="time">The clock of delays; <see langword="null"/> for the system's.</param>
    public FaultyBackplane(IBackplane inner, FaultyBackplaneOptions? options = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(inner);
        _inner = inner;
        _time = time ?? TimeProvider.System;
        Options = options ?? new();
    }

    /// <summary>The faults. Changes count for payloads that arrive afterwards.</summary>
    public FaultyBackplaneOptions Options { get; }

    /// <summary>What has been done so far.</summary>
    public FaultCounts Counts => _counter.Counts;

    /// <summary>Whether the transport is cut.</summary>
    public bool IsCut => _cut;

    /// <inheritdoc/>
    public string System => _inner.System;

    /// <inheritdoc/>
    public string? Reach => _inner.Reach;

    /// <summary>
    /// Takes the transport away: publishes and subscribes throw <see cref="BackplaneUnavailableException"/>, and what arrives or is under way is
    /// lost. Nothing more is handed over when this returns. Cutting twice is the same as once.
    /// </summary>
    /// <param name="cause">What the node is told; <see langword="null"/> for a default.</param>
    public void Cut(Exception? cause = null)
    {
        lock (_gate)
        {
            if (_cut || _disposed)
            {
                return;
            }

            _cause = cause ?? new IOException("The transport was cut by a test.");
            _cut = true;
            foreach (var (_, channel) in _channels)
            {
                channel.Cut(true);
            }

            _receiver?.OnUnavailable(_cause);
        }
    }

    /// <summary>Gives the transport back, with every subscription in force. Does nothing if it is not cut.</summary>
    public void Restore()
    {
        lock (_gate)
        {
            if (!_cut || _disposed)
            {
                return;
            }

            _cut = false;
            foreach (var (_, channel) in _channels)
            {
                channel.Cut(false);
            }

            if (_receiver is { } receiver)
            {
                (_innerTrouble ?? (static told => told.OnAvailable()))(receiver); // the backplane below may have its own
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        lock (_gate)
        {
            _receiver = receiver;
            if (_cut)
            {
                receiver.OnUnavailable(_cause);
            }
        }

        return _inner.StartAsync(new Receiver(this, receiver), cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        return _cut ? ValueTask.FromException<PublishResult>(Unavailable()) : _inner.PublishAsync(channel, payload, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        return _cut ? ValueTask.FromException(Unavailable()) : _inner.SubscribeAsync(channel, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        await _inner.UnsubscribeAsync(channel, cancellationToken);
        if (_channels.TryRemove(channel, out var removed))
        {
            removed.Close(); // what is under way is for nobody any more
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (var (_, channel) in _channels)
            {
                channel.Close();
            }
        }

        await _inner.DisposeAsync();
    }

    private BackplaneUnavailableException Unavailable() => new("The transport was cut by a test, so other nodes were not reached.", _cause);

    private void OnReceived(IBackplaneReceiver receiver, string channel, ReadOnlyMemory<byte> payload)
    {
        if (!_channels.TryGetValue(channel, out var faulty))
        {
            lock (_gate)
            {
                faulty = _channels.GetOrAdd(channel, name => new(name, receiver, Options, _counter, _time));
                faulty.Cut(_cut);
                if (_disposed)
                {
                    faulty.Close();
                }
            }
        }

        faulty.OnReceived(payload);
    }

    /// <summary>What the backplane below says of its transport; while it is cut here, that is only remembered.</summary>
    private void OnInnerChanged(Action<IBackplaneReceiver> report, bool isTrouble)
    {
        lock (_gate)
        {
            _innerTrouble = isTrouble ? report : null;
            if (!_cut)
            {
                TellLocked(report);
            }
        }
    }

    private void OnInnerLoss(Action<IBackplaneReceiver> report)
    {
        lock (_gate)
        {
            TellLocked(report);
        }
    }

    private void TellLocked(Action<IBackplaneReceiver> report)
    {
        if (!_disposed && _receiver is { } receiver)
        {
            report(receiver);
        }
    }

    private sealed class Receiver(FaultyBackplane owner, IBackplaneReceiver receiver) : IBackplaneReceiver
    {
        public void OnReceived(string channel, ReadOnlyMemory<byte> payload) => owner.OnReceived(receiver, channel, payload);

        public void OnUnavailable(Exception? cause) => owner.OnInnerChanged(told => told.OnUnavailable(cause), isTrouble: true);

        public void OnPartlyUnavailable(Exception? cause) => owner.OnInnerChanged(told => told.OnPartlyUnavailable(cause), isTrouble: true);

        public void OnAvailable() => owner.OnInnerChanged(static told => told.OnAvailable(), isTrouble: false);

        public void OnPossibleLoss(string description) => owner.OnInnerLoss(told => told.OnPossibleLoss(description));

        public void OnPossibleLoss(string description, DateTimeOffset since) => owner.OnInnerLoss(told => told.OnPossibleLoss(description, since));

        public void OnSubscriptionRefused(string channel, BackplaneRefusedException cause) =>
            owner.OnInnerLoss(told => told.OnSubscriptionRefused(channel, cause));
    }
}
