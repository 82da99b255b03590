namespace DistributedSockets.Testing;

/// <summary>What is under way on one channel of a <see cref="FaultyBackplane"/>.</summary>
internal sealed class FaultyChannel(string name, IBackplaneReceiver receiver, FaultyBackplaneOptions options, FaultCounter counter, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Queue<Item> _delayed = new();
    private readonly string _nameForDraw = options.NameForDraw?.Invoke(name) ?? name;
    private Item? _overtaken;
    private ITimer? _timer;
    private long _number;
    private bool _cut;
    private bool _closed;

    /// <summary>Takes what the backplane below handed over.</summary>
    internal void OnReceived(ReadOnlyMemory<byte> payload)
    {
        lock (_gate)
        {
            if (_closed)
            {
                return;
            }

            counter.Add(received: 1);
            var draw = new FaultDraw(options.Seed, _nameForDraw, _number++);
            var faulty = options.Channels?.Invoke(name) != false;
            if (_cut || (faulty && draw.IsLost(options.LossProbability)))
            {
                counter.Add(lost: 1);
                return;
            }

            var item = new Item(payload)
            {
                IsDouble = faulty && draw.IsDuplicated(options.DuplicationProbability),
                IsToBeOvertaken = faulty && draw.IsReordered(options.ReorderingProbability),
                DueAt = time.GetUtcNow(),
            };
            var late = faulty && draw.IsDelayed(options.DelayProbability);
            if (late)
            {
                counter.Add(delayed: 1);
                item.DueAt += draw.Delay(options.MinDelay, options.MaxDelay);
            }

            if (late || _delayed.Count > 0)
            {
                _delayed.Enqueue(item);
            }
            else
            {
                PassLocked(item);
            }

            ArmLocked();
        }
    }

    /// <summary>Loses what is under way and what comes from now on, or no longer.</summary>
    internal void Cut(bool cut)
    {
        lock (_gate)
        {
            _cut = cut;
            if (cut)
            {
                counter.Add(lost: DropLocked());
            }
        }
    }

    /// <summary>Hands on nothing more.</summary>
    internal void Close()
    {
        lock (_gate)
        {
            _closed = true;
            DropLocked();
            _timer?.Dispose();
        }
    }

    private int DropLocked()
    {
        var count = _delayed.Count + (_overtaken is null ? 0 : 1);
        _delayed.Clear();
        _overtaken = null;
        return count;
    }

    private void OnTimer()
    {
        lock (_gate)
        {
            if (_closed)
            {
                return;
            }

            var now = time.GetUtcNow();
            while (_delayed.TryPeek(out var item) && item.DueAt <= now)
            {
                PassLocked(_delayed.Dequeue());
            }

            if (_overtaken is { } alone && alone.DueAt <= now)
            {
                _overtaken = null;
                HandOnLocked(alone);
            }

            ArmLocked();
        }
    }

    private void PassLocked(Item item)
    {
        if (item.IsToBeOvertaken && _overtaken is null)
        {
            item.DueAt = time.GetUtcNow() + options.MaxDelay;
            _overtaken = item;
            return;
        }

        HandOnLocked(item);
        if (_overtaken is { } overtaken)
        {
            _overtaken = null;
            counter.Add(reordered: 1);
            HandOnLocked(overtaken);
        }
    }

    /// <summary>Under the lock, since payloads of a channel are never handed over at once. Receivers wait for nothing.</summary>
    private void HandOnLocked(Item item)
    {
        // Whoever gets a payload owns it, so each gets its own.
        var copy = item.IsDouble ? item.Payload.ToArray() : null;
        receiver.OnReceived(name, item.Payload);
        if (copy is not null)
        {
            counter.Add(duplicated: 1);
            receiver.OnReceived(name, copy);
        }
    }

    private void ArmLocked()
    {
        DateTimeOffset? due = _delayed.TryPeek(out var first) ? first.DueAt : null;
        if (_overtaken is { } overtaken && (due is null || overtaken.DueAt < due))
        {
            due = overtaken.DueAt;
        }

        if (due is { } at)
        {
            _timer ??= time.CreateTimer(static state => ((FaultyChannel)state!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan); // state is this
            var wait = at - time.GetUtcNow();
            _timer.Change(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }

    private sealed class Item(ReadOnlyMemory<byte> payload)
    {
        internal ReadOnlyMemory<byte> Payload => payload;

        internal bool IsDouble { get; init; }

        internal bool IsToBeOvertaken { get; init; }

        internal DateTimeOffset DueAt { get; set; }
    }
}
