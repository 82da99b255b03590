using System.Threading.Channels;

namespace DistributedSockets.Testing.Tests.Log;

/// <summary>A log over a <see cref="FlawedLogServer"/>, sound but for at most one flaw.</summary>
internal sealed partial class FlawedMessageLog(FlawedLogServer server, string cluster, LogFlaw flaw, bool isDirect = false) : IMessageLog
{
    private static readonly List<FlawedMessageLog> s_held = [];

    private readonly Channel<(string Hub, long Epoch, LogEntry Entry)> _arrived = Channel.CreateUnbounded<(string, long, LogEntry)>();
    private readonly Dictionary<string, LogHub> _wanted = [];
    private readonly List<byte[]> _handedOver = [];
    private readonly byte[] _buffer = new byte[2 * 1024 * 1024];
    private readonly Lock _disposing = new();
    private IMessageLogReceiver? _receiver;
    private Task _pump = Task.CompletedTask;
    private volatile Task? _disposal;
    private volatile bool _disposed;
    private int _number;
    private int _appends;
    private int _together;

    public string Cluster => cluster;

    public bool IsDirect => isDirect;

    public string System => flaw == LogFlaw.HasNoProperName ? "The Flawed Log" : "flawed";

    public bool LimitsBytes => true;

    private bool IsAway => server.IsCut && !isDirect;

    private bool DeliversAfterDisposal => flaw is LogFlaw.DisposeKeepsDelivering or LogFlaw.IsBackAfterDisposal
        or LogFlaw.SubscribesAfterDisposal or LogFlaw.SecondDisposeReturnsAtOnce;

    public ValueTask StartAsync(IMessageLogReceiver receiver, CancellationToken cancellationToken = default)
    {
        ThrowIfCancelled(cancellationToken);
        if (flaw != LogFlaw.AcceptsNoReceiver)
        {
            ArgumentNullException.ThrowIfNull(receiver);
        }

        _receiver = receiver;
        _number = server.Add(this);
        _pump = Task.Run(PumpAsync, CancellationToken.None);
        if (IsAway)
        {
            if (flaw == LogFlaw.FailsToStartWhileAway)
            {
                throw new MessageLogUnavailableException();
            }

            OnCut();
        }

        if (flaw == LogFlaw.SaysAvailableAtStart)
        {
            receiver.OnAvailable();
        }

        return ValueTask.CompletedTask;
    }

    public async ValueTask<LogAppendResult> AppendAsync(LogHub hub, LogAppend append, CancellationToken cancellationToken = default)
    {
        Check(hub);
        Check(append.Targets);
        ThrowIfCancelled(cancellationToken);
        ThrowIfDisposed(LogFlaw.AppendsAfterDisposal);
        if (flaw == LogFlaw.AppendsIntoNothing && IsAway)
        {
            return new() { Position = new(1, 1), PreviousOffset = 0 };
        }

        if (flaw == LogFlaw.AppendsLaterWhatItRefused && IsAway)
        {
            server.AppendLater(this, hub, append);
        }

        await ThrowIfAwayAsync();
        ThrowIfStale(hub, append);
        var result = flaw switch
        {
            LogFlaw.Reorders when Interlocked.Increment(ref _appends) % 10 == 5 => await AppendLateAsync(hub, append),
            LogFlaw.ChecksKeysTooEarly => await CheckThenAppendAsync(hub, append),
            LogFlaw.GivesOffsetsTwice => await CountThenAppendAsync(hub, append),
            _ => server.Append(this, hub, append),
        };
        await Task.Yield();
        return result;
    }

    public async ValueTask SubscribeAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        Check(hub);
        ThrowIfCancelled(cancellationToken);
        ThrowIfDisposed(LogFlaw.SubscribesAfterDisposal);
        switch (flaw)
        {
            case LogFlaw.CancelledSubscribeIsHalfDone:
                if (!_wanted.TryAdd(hub.Name, hub))
                {
                    return;
                }

                await Task.Delay(TimeSpan.FromMilliseconds(20), cancellationToken);
                break;
            case LogFlaw.RestoresRefusedHubs:
                _wanted[hub.Name] = hub;
                break;
        }

        lock (server.Gate)
        {
            ThrowIfAway();
            ThrowIfDisposed(LogFlaw.SubscribesAfterDisposal);
            _wanted[hub.Name] = hub;
            server.Subscribe(this, hub);
        }

        await Task.Yield();
    }

    public async ValueTask UnsubscribeAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        Check(hub);
        ThrowIfCancelled(cancellationToken);
        lock (server.Gate)
        {
            switch (flaw)
            {
                case LogFlaw.UnsubscribeOfUnknownThrows when !_wanted.ContainsKey(hub.Name):
                    throw new KeyNotFoundException(hub.Name);
                case LogFlaw.UnsubscribeThrowsWhileAway when IsAway:
                    throw new MessageLogUnavailableException();
                case LogFlaw.UnsubscribeDoesNothing:
                case LogFlaw.RestoresGivenUpHubs when IsAway:
                    return;
            }

            if (_wanted.Remove(hub.Name) || flaw == LogFlaw.UnsubscribeEndsAll)
            {
                server.Unsubscribe(this, hub);
            }
        }

        await Task.Yield();
    }

    public async ValueTask<LogPosition> GetEndAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        Check(hub);
        ThrowIfCancelled(cancellationToken);
        ThrowIfDisposed(LogFlaw.AppendsAfterDisposal);
        await ThrowIfAwayAsync();
        lock (server.Gate)
        {
            var log = server.Hub(this, hub);
            return new(
                log.Epoch + (flaw == LogFlaw.EveryNodeHasItsEpoch ? _number : 0),
                flaw == LogFlaw.KnowsAnOldEnd ? Math.Max(0, log.End - 1) : log.End);
        }
    }

    public async ValueTask<LogPage> ReadAsync(LogHub hub, LogQuery query, CancellationToken cancellationToken = default)
    {
        Check(hub);
        if (flaw != LogFlaw.AcceptsNoBounds)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(query.MaxEntries, 1, nameof(query));
            ArgumentOutOfRangeException.ThrowIfLessThan(query.UpTo, query.After, nameof(query));
        }

        ThrowIfCancelled(cancellationToken);
        ThrowIfDisposed(LogFlaw.AppendsAfterDisposal);
        await ThrowIfAwayAsync();
        long removedTo;
        lock (server.Gate)
        {
            removedTo = server.Hub(this, hub).RemovedTo(query);
        }

        if (flaw == LogFlaw.ReadsInTwoSteps)
        {
            await Task.Delay(1, CancellationToken.None);
        }

        lock (server.Gate)
        {
            var page = server.Hub(this, hub).Read(query, hub.Retention);
            return flaw != LogFlaw.ReadsInTwoSteps
                ? page
                : new() { Entries = page.Entries, IsKnown = page.IsKnown, End = page.End, ReadAfter = page.ReadAfter, ReadTo = page.ReadTo, RemovedTo = removedTo };
        }
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
                    case LogFlaw.SecondDisposeThrows:
                        throw new ObjectDisposedException(nameof(FlawedMessageLog));
                    case LogFlaw.SecondDisposeReturnsAtOnce:
                        return;
                }
            }

            disposal = _disposal ??= DisposeCoreAsync();
        }

        await disposal;
    }

    public void OnCut()
    {
        if (flaw != LogFlaw.NeverSaysUnavailable)
        {
            _receiver!.OnUnavailable(null);
            _receiver.OnUnavailable(new IOException("The clearer cause that comes later."));
        }
    }

    public void OnRestored(int outages)
    {
        switch (flaw)
        {
            case LogFlaw.NeverSaysAvailable:
                return;
            case LogFlaw.SaysAvailableTooEarly:
                _receiver!.OnAvailable();
                Task.Delay(TimeSpan.FromMilliseconds(500)).ContinueWith(_ => Resubscribe(), TaskScheduler.Default);
                return;
            case LogFlaw.ForgetsHubs:
            case LogFlaw.ForgetsHubsAtTheSecondOutage when outages == 2:
                break;
            default:
                Resubscribe();
                break;
        }

        _receiver!.OnAvailable();
        if (flaw == LogFlaw.SaysAvailableTwice)
        {
            _receiver.OnAvailable();
        }
    }

    public void Enqueue(string hub, long epoch, LogEntry entry)
    {
        if (_disposal is not null && DeliversAfterDisposal)
        {
            _receiver!.OnAppended(hub, epoch, entry); // at once, so that the flaw is there whenever somebody looks
            return;
        }

        _arrived.Writer.TryWrite((hub, epoch, entry));
    }

    private void Resubscribe()
    {
        lock (server.Gate)
        {
            foreach (var hub in _wanted.Values)
            {
                server.Subscribe(this, hub);
            }
        }
    }

    private async Task DisposeCoreAsync()
    {
        if (flaw == LogFlaw.DisposeNeedsStart && _receiver is null)
        {
            throw new InvalidOperationException("Start it first.");
        }

        switch (flaw)
        {
            case LogFlaw.IsHeldAfterDisposal:
                s_held.Add(this);
                break;
            case LogFlaw.DisposeHangsWhileAway when IsAway:
                await new TaskCompletionSource().Task;
                break;
            case LogFlaw.SecondDisposeReturnsAtOnce:
                await Task.Delay(TimeSpan.FromMilliseconds(500));
                break;
            case LogFlaw.DisposeReportsAnOutage:
                _receiver?.OnUnavailable(null);
                break;
        }

        _disposed = true;
        if (flaw is LogFlaw.DisposeKeepsDelivering or LogFlaw.IsBackAfterDisposal)
        {
            return;
        }

        server.Remove(this);
        if (flaw != LogFlaw.SubscribesAfterDisposal)
        {
            _arrived.Writer.TryComplete();
            await _pump;
        }

        _handedOver.ForEach(static buffer => Array.Clear(buffer));
    }

    private async Task PumpAsync()
    {
        await foreach (var (hub, epoch, entry) in _arrived.Reader.ReadAllAsync())
        {
            if (_disposed && !DeliversAfterDisposal)
            {
                continue;
            }

            switch (flaw)
            {
                case LogFlaw.ReusesReceivedBuffer:
                    entry.Payload.CopyTo(_buffer);
                    _receiver!.OnAppended(hub, epoch, With(entry, _buffer.AsMemory(0, entry.Payload.Length)));
                    break;
                case LogFlaw.TakesBuffersBackAtDisposal:
                    var lent = entry.Payload.ToArray();
                    _handedOver.Add(lent);
                    _receiver!.OnAppended(hub, epoch, With(entry, lent));
                    break;
                case LogFlaw.HandsOverConcurrently when _arrived.Reader.TryRead(out var next):
                    _together = 0;
                    await Task.WhenAll(HandOverAsync(hub, epoch, entry), HandOverAsync(next.Hub, next.Epoch, next.Entry));
                    break;
                default:
                    _receiver!.OnAppended(hub, epoch, entry);
                    break;
            }
        }
    }

    private Task HandOverAsync(string hub, long epoch, LogEntry entry) => Task.Factory.StartNew(
        () =>
        {
            Interlocked.Increment(ref _together);
            while (Volatile.Read(ref _together) < 2)
            {
                Thread.SpinWait(1);
            }

            _receiver!.OnAppended(hub, epoch, entry);
        },
        CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static LogEntry With(LogEntry entry, ReadOnlyMemory<byte> payload) =>
        new() { Offset = entry.Offset, PreviousOffset = entry.PreviousOffset, AppendedAt = entry.AppendedAt, Payload = payload };

    private async Task<LogAppendResult> AppendLateAsync(LogHub hub, LogAppend append)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(30), CancellationToken.None);
        return server.Append(this, hub, append);
    }

    private async Task<LogAppendResult> CheckThenAppendAsync(LogHub hub, LogAppend append)
    {
        var isKnown = server.HasKey(this, hub, append, out _);
        await Task.Delay(TimeSpan.FromMilliseconds(10), CancellationToken.None);
        return server.Append(this, hub, append, isKeyChecked: !isKnown);
    }

    private async Task<LogAppendResult> CountThenAppendAsync(LogHub hub, LogAppend append)
    {
        long next;
        lock (server.Gate)
        {
            next = server.Hub(this, hub).End + 1;
        }

        await Task.Delay(TimeSpan.FromMilliseconds(1), CancellationToken.None);
        return server.Append(this, hub, append, offset: next);
    }

    private void Check(object? argument)
    {
        if (flaw != LogFlaw.AcceptsNoArguments)
        {
            ArgumentNullException.ThrowIfNull(argument);
        }
    }

    private void ThrowIfDisposed(LogFlaw exempt) => ObjectDisposedException.ThrowIf(_disposed && flaw != exempt, this);

    private void ThrowIfCancelled(CancellationToken cancellationToken)
    {
        if (flaw == LogFlaw.ThrowsWrongWhenCancelled && cancellationToken.IsCancellationRequested)
        {
            throw new InvalidOperationException("What was cancelled?");
        }

        cancellationToken.ThrowIfCancellationRequested();
    }

    private async Task ThrowIfAwayAsync()
    {
        if (IsAway && flaw == LogFlaw.HangsWhileAway)
        {
            await new TaskCompletionSource().Task;
        }

        ThrowIfAway();
    }

    private void ThrowIfAway()
    {
        if (IsAway)
        {
            throw flaw == LogFlaw.ThrowsWrongWhileAway ? new IOException("The server is away.") : new MessageLogUnavailableException();
        }
    }
}
