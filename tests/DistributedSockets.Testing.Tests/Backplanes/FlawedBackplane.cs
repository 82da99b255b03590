using System.Threading.Channels;

namespace DistributedSockets.Testing.Tests.Backplanes;

/// <summary>A backplane over a <see cref="FlawedBroker"/>, sound but for at most one flaw.</summary>
internal sealed class FlawedBackplane(FlawedBroker broker, BackplaneFlaw flaw) : IBackplane
{
    private static readonly List<FlawedBackplane> Held = [];

    private readonly Channel<(string Channel, ReadOnlyMemory<byte> Payload)> _arrived = Channel.CreateUnbounded<(string, ReadOnlyMemory<byte>)>();
    private readonly HashSet<string> _wanted = [];
    private readonly HashSet<string> _givenUp = [];
    private readonly List<byte[]> _handedOver = [];
    private readonly byte[] _buffer = new byte[2 * 1024 * 1024];
    private readonly Lock _disposing = new();
    private IBackplaneReceiver? _receiver;
    private Task _pump = Task.CompletedTask;
    private volatile Task? _disposal;
    private volatile bool _disposed;
    private volatile bool _dropsNext;
    private volatile bool _hasHeardTooLate;
    private int _subscribing;
    private int _together;

    public string System => flaw == BackplaneFlaw.HasNoProperName ? "The Flawed Backplane" : "flawed";

    private bool DeliversAfterDisposal => flaw is BackplaneFlaw.DisposeKeepsDelivering or BackplaneFlaw.IsBackAfterDisposal
        or BackplaneFlaw.SubscribesAfterDisposal or BackplaneFlaw.SecondDisposeReturnsAtOnce;

    public ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default)
    {
        ThrowIfCancelled(cancellationToken);
        if (flaw != BackplaneFlaw.AcceptsNoReceiver)
        {
            ArgumentNullException.ThrowIfNull(receiver);
        }

        _receiver = receiver;
        broker.Add(this);
        _pump = Task.Run(PumpAsync, CancellationToken.None);
        if (broker.IsAway)
        {
            if (flaw == BackplaneFlaw.FailsToStartWhileAway)
            {
                throw new BackplaneUnavailableException();
            }

            OnCut();
        }

        if (flaw == BackplaneFlaw.SaysAvailableAtStart)
        {
            receiver.OnAvailable();
        }

        return ValueTask.CompletedTask;
    }

    public async ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
    {
        Check(channel);
        ThrowIfCancelled(cancellationToken);
        if (flaw != BackplaneFlaw.PublishesAfterDisposal)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
        }

        switch (flaw)
        {
            case BackplaneFlaw.LosesEmptyPayloads when payload.IsEmpty:
                return PublishResult.Counted(0);
            case BackplaneFlaw.CutsLargePayloads when payload.Length > 64 * 1024:
                payload = payload[..(64 * 1024)];
                break;
            case BackplaneFlaw.PublishesIntoNothing when broker.IsAway:
                return PublishResult.Counted(0);
        }

        await ThrowIfAwayAsync();
        var taken = broker.Publish(this, channel, payload);
        await Task.Yield();
        return PublishResult.Counted(taken);
    }

    public async ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default)
    {
        Check(channel);
        ThrowIfCancelled(cancellationToken);
        if (flaw != BackplaneFlaw.SubscribesAfterDisposal)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
        }

        var isAlone = Interlocked.Increment(ref _subscribing) == 1;
        try
        {
            switch (flaw)
            {
                case BackplaneFlaw.RefusesConcurrentSubscribes when !isAlone:
                    throw new InvalidOperationException("One at a time.");
                case BackplaneFlaw.LosesConcurrentSubscribes when !isAlone:
                    return;
                case BackplaneFlaw.UnsubscribeIsForGood when _givenUp.Contains(channel):
                    return;
                case BackplaneFlaw.HoldsFiveThousandChannels when _wanted.Count >= 5_000:
                    return;
                case BackplaneFlaw.CancelledSubscribeIsHalfDone:
                    if (!_wanted.Add(channel))
                    {
                        return;
                    }

                    await Task.Delay(TimeSpan.FromMilliseconds(20), cancellationToken);
                    break;
                case BackplaneFlaw.SubscribeDropsWhatArrives:
                    _dropsNext = true;
                    break;
                case BackplaneFlaw.RestoresRefusedChannels:
                    _wanted.Add(channel);
                    break;
            }

            lock (broker.Gate)
            {
                ThrowIfAway();
                if (flaw != BackplaneFlaw.SubscribesAfterDisposal)
                {
                    ObjectDisposedException.ThrowIf(_disposed, this);
                }

                _wanted.Add(channel);
                broker.Subscribe(this, channel);
            }

            await Task.Yield();
        }
        finally
        {
            Interlocked.Decrement(ref _subscribing);
        }
    }

    public async ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default)
    {
        Check(channel);
        ThrowIfCancelled(cancellationToken);
        lock (broker.Gate)
        {
            switch (flaw)
            {
                case BackplaneFlaw.UnsubscribeOfUnknownThrows when !_wanted.Contains(channel):
                    throw new KeyNotFoundException(channel);
                case BackplaneFlaw.UnsubscribeThrowsWhileAway when broker.IsAway:
                    throw new BackplaneUnavailableException();
                case BackplaneFlaw.UnsubscribeDoesNothing:
                    return;
                case BackplaneFlaw.RestoresGivenUpChannels when broker.IsAway:
                    return;
                case BackplaneFlaw.UnsubscribeIsForGood or BackplaneFlaw.RemembersGivenUpChannels:
                    _givenUp.Add(channel);
                    break;
            }

            if (_wanted.Remove(channel) || flaw == BackplaneFlaw.UnsubscribeEndsAll)
            {
                broker.Unsubscribe(this, channel);
            }
        }

        await Task.Yield();
    }

    public async ValueTask DisposeAsync()
    {
        Task disposal;
        lock (_disposing)
        {
            if (_disposal is not null)
            {
                switch (flaw)
                {
                    case BackplaneFlaw.SecondDisposeThrows:
                        throw new ObjectDisposedException(nameof(FlawedBackplane));
                    case BackplaneFlaw.SecondDisposeReturnsAtOnce:
                        return;
                }
            }

            disposal = _disposal ??= DisposeCoreAsync();
        }

        await disposal;
    }

    public void OnCut()
    {
        if (flaw != BackplaneFlaw.NeverSaysUnavailable)
        {
            _receiver!.OnUnavailable(null);
            _receiver.OnUnavailable(new IOException("The clearer cause that comes later."));
        }
    }

    public void OnRestored(int outages)
    {
        switch (flaw)
        {
            case BackplaneFlaw.NeverSaysAvailable:
                return;
            case BackplaneFlaw.SaysAvailableTooEarly:
                broker.AfterNextPublish(Resubscribe); // which is too late for that one, however long it takes to come
                _receiver!.OnAvailable();
                return;
            case BackplaneFlaw.ForgetsChannels:
            case BackplaneFlaw.ForgetsChannelsAtTheSecondOutage when outages == 2:
                break;
            default:
                Resubscribe();
                break;
        }

        _receiver!.OnAvailable();
        if (flaw == BackplaneFlaw.SaysAvailableTwice)
        {
            _receiver.OnAvailable();
        }
    }

    public void Enqueue(string channel, ReadOnlyMemory<byte> payload)
    {
        if (_disposal is not null && DeliversAfterDisposal)
        {
            _receiver!.OnReceived(channel, payload); // at once, so that the flaw is there whenever somebody looks
            _hasHeardTooLate = true;
            return;
        }

        _arrived.Writer.TryWrite((channel, payload));
    }

    private void Resubscribe()
    {
        lock (broker.Gate)
        {
            foreach (var channel in _wanted)
            {
                broker.Subscribe(this, channel);
            }
        }
    }

    private async Task DisposeCoreAsync()
    {
        if (flaw == BackplaneFlaw.DisposeNeedsStart && _receiver is null)
        {
            throw new InvalidOperationException("Start it first.");
        }

        switch (flaw)
        {
            case BackplaneFlaw.IsHeldAfterDisposal:
                Held.Add(this);
                break;
            case BackplaneFlaw.DisposeHangsWhileAway when broker.IsAway:
                await new TaskCompletionSource().Task;
                break;
            case BackplaneFlaw.SecondDisposeReturnsAtOnce:
                while (!_hasHeardTooLate && broker.HasOthersThan(this))
                {
                    await Task.Delay(1); // so that the flaw is there whenever somebody looks
                }

                break;
            case BackplaneFlaw.DisposeReportsAnOutage:
                _receiver?.OnUnavailable(null);
                break;
        }

        _disposed = true;
        if (flaw is BackplaneFlaw.DisposeKeepsDelivering or BackplaneFlaw.IsBackAfterDisposal)
        {
            return;
        }

        broker.Remove(this);
        if (flaw != BackplaneFlaw.SubscribesAfterDisposal)
        {
            _arrived.Writer.TryComplete();
            await _pump;
        }

        _handedOver.ForEach(static buffer => Array.Clear(buffer));
    }

    private async Task PumpAsync()
    {
        await foreach (var (channel, payload) in _arrived.Reader.ReadAllAsync())
        {
            if (_disposed && !DeliversAfterDisposal)
            {
                continue;
            }

            if (_dropsNext)
            {
                _dropsNext = false;
                continue;
            }

            switch (flaw)
            {
                case BackplaneFlaw.ReusesReceivedBuffer:
                    payload.CopyTo(_buffer);
                    _receiver!.OnReceived(channel, _buffer.AsMemory(0, payload.Length));
                    break;
                case BackplaneFlaw.TakesBuffersBackAtDisposal:
                    var lent = payload.ToArray();
                    _handedOver.Add(lent);
                    _receiver!.OnReceived(channel, lent);
                    break;
                case BackplaneFlaw.HandsOverConcurrently when _arrived.Reader.TryRead(out var next):
                    _together = 0;
                    await Task.WhenAll(HandOverAsync(channel, payload), HandOverAsync(next.Channel, next.Payload));
                    break;
                default:
                    _receiver!.OnReceived(channel, payload);
                    break;
            }
        }
    }

    private Task HandOverAsync(string channel, ReadOnlyMemory<byte> payload) => Task.Factory.StartNew(
        () =>
        {
            Interlocked.Increment(ref _together);
            while (Volatile.Read(ref _together) < 2)
            {
                Thread.SpinWait(1);
            }

            _receiver!.OnReceived(channel, payload);
        },
        CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void Check(string channel)
    {
        if (flaw != BackplaneFlaw.AcceptsNoChannel)
        {
            ArgumentException.ThrowIfNullOrEmpty(channel);
        }
    }

    private void ThrowIfCancelled(CancellationToken cancellationToken)
    {
        if (flaw == BackplaneFlaw.ThrowsWrongWhenCancelled && cancellationToken.IsCancellationRequested)
        {
            throw new InvalidOperationException("What was cancelled?");
        }

        cancellationToken.ThrowIfCancellationRequested();
    }

    private async Task ThrowIfAwayAsync()
    {
        if (broker.IsAway && flaw == BackplaneFlaw.HangsWhileAway)
        {
            await new TaskCompletionSource().Task;
        }

        ThrowIfAway();
    }

    private void ThrowIfAway()
    {
        if (broker.IsAway)
        {
            throw flaw == BackplaneFlaw.ThrowsWrongWhileAway ? new IOException("The transport is away.") : new BackplaneUnavailableException();
        }
    }
}
