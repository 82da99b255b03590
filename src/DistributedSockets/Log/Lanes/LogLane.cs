namespace DistributedSockets;

/// <summary>Delivers the log of one hub on this node in the order of offsets, each entry once: what the log hands over, and what has to be read.</summary>
/// <remarks>
/// <para>What is handed over is taken if it follows on what was taken before. Anything else is forgotten, and read when the lane gets there: what comes
/// behind a hole, or finds the lane full. So the reader of the transport never waits, and an outage and a slow lane are the same case.</para>
/// <para>One thread works at a time: the one that hands over, if nothing waits, or one of the pool. It alone moves the position.</para>
/// </remarks>
internal sealed class LogLane : IThreadPoolWorkItem
{
    private readonly HubConnections _hub;
    private readonly LogFilling _filling;
    private readonly LogDelivery _delivery;
    private readonly RefusedEnvelopes _refused;
    private readonly LogLosses _losses;
    private readonly DistributedWebSocketsMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly LogArrivals _arrivals;
    private readonly Lock _gate = new();
    private readonly List<LogTap> _taps = [];
    private readonly Queue<Action> _landings = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private LogPosition _position; // of epoch 0 until the lane has been placed
    private LogPosition _end; // the furthest that is known to exist
    private bool _working;
    private bool _stopping;

    internal LogLane(
        HubConnections hub,
        LogFilling filling,
        LogDelivery delivery,
        RefusedEnvelopes refused,
        LogLosses losses,
        DistributedWebSocketsMetrics metrics,
        DistributedWebSocketsOptions options,
        TimeProvider time)
    {
        (_hub, _filling, _delivery, _refused, _losses, _metrics, _time) = (hub, filling, delivery, refused, losses, metrics, time);
        _arrivals = new(options.LaneCapacity, options.LaneBytes);
    }

    private enum Step
    {
        Rest,
        Deliver,
        Read,
    }

    /// <summary>Behind which entry the lane is: all up to it have been delivered to those who were members then.</summary>
    internal LogPosition Position
    {
        get
        {
            lock (_gate)
            {
                return _position;
            }
        }
    }

    /// <summary>How many entries wait.</summary>
    internal int Waiting
    {
        get
        {
            lock (_gate)
            {
                return _arrivals.Count;
            }
        }
    }

    /// <summary>Takes an entry that the log hands over. Called in the order of offsets, by one at a time.</summary>
    internal void OnAppended(long epoch, in LogEntry entry)
    {
        var arrival = new LogArrival(new(epoch, entry.Offset), entry, _time.GetTimestamp());
        bool atOnce;
        lock (_gate)
        {
            if (_stopping || !_position.IsBefore(arrival.Position))
            {
                return; // it has been delivered
            }

            Reach(arrival.Position);
            atOnce = !_working && _arrivals.Count == 0 && IsPlaced && arrival.Follows(_position) && !OrderSection.IsInside; // a log in memory holds its lock meanwhile
            if (!atOnce && (!_arrivals.TryAdd(arrival) || _working || !IsPlaced))
            {
                return; // it waits, or is read later
            }

            _working = true;
        }

        if (!atOnce)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            return;
        }

        _metrics.LogEntries(1, wereRead: false);
        Pass(arrival);
        Work(isOfThePool: false);
    }

    /// <summary>Learns where the log ends. The first time it begins there; from then on what has not arrived up to there is read.</summary>
    /// <param name="end">The end.</param>
    /// <param name="askedAt">When the log was asked: a timestamp.</param>
    /// <returns>Whether it begins.</returns>
    internal bool NoteEnd(LogPosition end, long askedAt)
    {
        var begins = TakeEnd(end, askedAt);
        if (begins)
        {
            _hub.Sessions.OnReached(end);
        }

        return begins;
    }

    private bool TakeEnd(LogPosition end, long askedAt)
    {
        bool begins;
        lock (_gate)
        {
            begins = !IsPlaced;
            if (begins)
            {
                _losses.BeginBehind(end.Offset, askedAt);
                _position = end; // what has arrived up to it goes unnoticed: nobody was here
            }

            Reach(end);
            if (_working || _stopping)
            {
                return begins;
            }

            if (!_position.IsBefore(_end))
            {
                _losses.OnIntact(askedAt);
                if (_arrivals.Count == 0)
                {
                    return begins;
                }
            }

            _working = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return begins;
    }

    /// <summary>Has whatever comes for a group from now on kept for somebody who is on the way into it; null if the lane has no position yet.</summary>
    internal LogTap? Tap(string group)
    {
        lock (_gate)
        {
            if (!IsPlaced || _stopping)
            {
                return null;
            }

            var tap = new LogTap(group, _position);
            _taps.Add(tap);
            return tap;
        }
    }

    internal void Untap(LogTap tap)
    {
        lock (_gate)
        {
            _taps.Remove(tap);
        }
    }

    /// <summary>Makes somebody a member between two entries: all before have been tapped, and all behind find the member. It must neither wait nor throw.</summary>
    internal void Land(Action landing)
    {
        lock (_gate)
        {
            if (_working)
            {
                _landings.Enqueue(landing);
                return;
            }

            landing();
        }
    }

    /// <summary>The log is back: what could not be read is tried at once.</summary>
    internal void Wake() => _filling.Wake();

    /// <summary>Ends, without what still waits: the connections are gone.</summary>
    internal async Task StopAsync()
    {
        lock (_gate)
        {
            _stopping = true;
            if (!_working)
            {
                _ended.TrySetResult();
            }
        }

        await _filling.EndAsync();
        await _ended.Task;
        _hub.Sessions.OnReached(new(long.MaxValue, long.MaxValue)); // what they wait for does not come here any more
    }

    void IThreadPoolWorkItem.Execute() => Work(isOfThePool: true);

    private bool IsPlaced => _position.Epoch != 0;

    private void Reach(in LogPosition end) => _end = _end.IsBefore(end) ? end : _end;

    /// <summary>Delivers what waits, and reads what is missing.</summary>
    /// <param name="isOfThePool">Whether the thread is one of the pool, and not the one that the log hands over by.</param>
    private void Work(bool isOfThePool)
    {
        while (true)
        {
            switch (Next(out var arrival, out var upTo))
            {
                case Step.Deliver when isOfThePool:
                    _metrics.LogEntries(1, wereRead: false);
                    Pass(arrival);
                    break;
                case Step.Read when isOfThePool:
                    FillAsync(upTo).Observe(); // goes on with this when it has ended, however it does
                    return;
                case Step.Rest:
                    return;
                default:
                    ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false); // it has held up the log's thread for long enough
                    return;
            }
        }
    }

    /// <summary>Says what to do next; if nothing, the lane rests. An entry to deliver waits where it is until it has been.</summary>
    private Step Next(out LogArrival arrival, out LogPosition upTo)
    {
        (arrival, upTo) = (default, default);
        lock (_gate)
        {
            while (_landings.TryDequeue(out var landing))
            {
                landing();
            }

            if (_stopping)
            {
                _arrivals.Clear();
                _working = false;
                _ended.TrySetResult();
                return Step.Rest;
            }

            if (_arrivals.TryPeekBehind(_position, out arrival))
            {
                upTo = new(arrival.Position.Epoch, arrival.Entry.PreviousOffset);
                return arrival.Follows(_position) ? Step.Deliver : Step.Read;
            }

            upTo = _end;
            _working = _position.IsBefore(_end);
            return _working ? Step.Read : Step.Rest;
        }
    }

    /// <summary>Delivers one entry, and is behind it then.</summary>
    private void Pass(in LogArrival arrival)
    {
        if (arrival.Position.Epoch != _position.Epoch) // which nobody else changes
        {
            Begin(arrival.Position.Epoch);
        }

        _losses.OnEntry(arrival);
        var envelope = default(Envelope?);
        try
        {
            if (_metrics.IsLagMeasured)
            {
                _metrics.Lagged(_time.GetElapsedTime(arrival.Since));
            }

            envelope = _delivery.Deliver(_hub, arrival.Entry.Payload, arrival.Entry.Offset, arrival.Since);
            if (envelope is { Kind: EnvelopeKind.LogGap } gap)
            {
                _losses.OnGap(gap, arrival.Entry.Offset);
            }
        }
        catch (Exception exception)
        {
            ReportUndelivered(exception);
        }

        lock (_gate)
        {
            _position = arrival.Position;
            if (_taps.Count > 0 && envelope is { } delivered)
            {
                foreach (var tap in _taps)
                {
                    tap.Offer(delivered, arrival.Since);
                }
            }
        }

        _hub.Sessions.OnReached(arrival.Position);
    }

    private void ReportUndelivered(Exception exception)
    {
        try
        {
            _refused.ReportUndelivered(exception);
        }
        catch (Exception)
        {
            // It has been counted, and then a logger threw. The lane goes on; on a thread of the pool it would end the process.
        }
    }

    private void MoveTo(in LogPosition position)
    {
        lock (_gate)
        {
            _position = position;
        }

        _hub.Sessions.OnReached(position);
    }

    /// <summary>Goes over to a later life of the log. Whatever stood behind the position in the earlier one is lost.</summary>
    private void Begin(long epoch)
    {
        _losses.OnBegunAnew(_position);
        MoveTo(new(epoch, 0));
    }

    /// <summary>Reads a page of what is missing and delivers it, then goes on. If the log is away, waits before.</summary>
    private async Task FillAsync(LogPosition upTo)
    {
        try
        {
            if (upTo.Epoch != _position.Epoch)
            {
                Begin(upTo.Epoch);
            }

            if (_position.Offset < upTo.Offset)
            {
                Take(await _filling.ReadAsync(_position, upTo.Offset), upTo);
            }
        }
        catch (Exception exception)
        {
            await _filling.PauseAsync(exception);
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private void Take(LogPage page, in LogPosition upTo)
    {
        var from = _position;
        if (!page.IsKnown)
        {
            OnUnknown(from, upTo, page.End);
            return;
        }

        _losses.OnRemoved(from.Offset, page.RemovedTo);
        _metrics.LogEntries(page.Entries.Count, wereRead: true);
        foreach (var entry in page.Entries)
        {
            if (_filling.IsEnding)
            {
                return;
            }

            Pass(new(new(from.Epoch, entry.Offset), entry, LogAge.Since(entry, _time)));
        }

        MoveTo(new(from.Epoch, page.ReadTo));
    }

    /// <summary>The log does not have what it had given out or handed over: it has begun anew, or went back.</summary>
    private void OnUnknown(in LogPosition from, in LogPosition upTo, in LogPosition end)
    {
        if (from.Epoch < end.Epoch)
        {
            Begin(end.Epoch);
            return;
        }

        _losses.OnShort(end, upTo.Offset);
        MoveTo(upTo);
    }
}
