namespace DistributedSockets;

/// <summary>Delivers the envelopes of its share of nodes and hubs one after the other. Bounded: what does not fit is refused.</summary>
/// <remarks>
/// A frame is queued at its connections by the thread that brings it, if nothing else is in progress: handing it to another thread
/// takes longer than that. Writing to many is left to <see cref="FanOutWriter"/> in either case.
/// </remarks>
internal sealed class Lane(
    int capacity, int maxBytes, EnvelopeDispatcher dispatcher, DistributedWebSocketsMetrics metrics, TimeProvider time, RefusedEnvelopes refused)
    : IThreadPoolWorkItem
{
    private readonly DeliveredMessages _delivered = new(time);
    private readonly Lock _gate = new();
    private readonly Queue<Item> _items = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _bytes;
    private bool _delivering;
    private bool _stopping;

    /// <summary>Takes an envelope; false if too many wait, or too large ones.</summary>
    /// <param name="hub">The hub of its channel.</param>
    /// <param name="envelope">The envelope, which is the lane's from now on.</param>
    /// <param name="now">When it arrived.</param>
    internal bool TryAdd(HubConnections hub, in Envelope envelope, long now)
    {
        var atOnce = envelope.Kind == EnvelopeKind.Frame; // a command may take its time
        var item = new Item(hub, envelope, now);
        lock (_gate)
        {
            if (_stopping)
            {
                return true; // the connections are gone
            }

            if (_delivering || !atOnce)
            {
                // One is taken whatever its size; the size of an envelope has its own limit.
                if (_items.Count >= capacity || (_items.Count > 0 && _bytes + envelope.Length > maxBytes))
                {
                    return false;
                }

                _items.Enqueue(item);
                _bytes += envelope.Length;
                if (_delivering)
                {
                    return true;
                }
            }

            _delivering = true;
        }

        if (atOnce)
        {
            Deliver(item);
            if (!HasMore())
            {
                return true;
            }
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return true;
    }

    /// <summary>Lets go of what it need not remember any more.</summary>
    internal void Trim() => _delivered.Trim();

    /// <summary>Delivers what waits and ends.</summary>
    internal Task StopAsync()
    {
        lock (_gate)
        {
            _stopping = true;
            if (!_delivering)
            {
                _ended.TrySetResult();
            }
        }

        return _ended.Task;
    }

    void IThreadPoolWorkItem.Execute()
    {
        do
        {
            Item item;
            lock (_gate)
            {
                item = _items.Dequeue(); // only here, and one waits
                _bytes -= item.Envelope.Length;
            }

            Deliver(item);
        }
        while (HasMore());
    }

    /// <summary>Whether to go on delivering; if not, the lane is idle.</summary>
    private bool HasMore()
    {
        lock (_gate)
        {
            if (_items.Count > 0)
            {
                return true;
            }

            _delivering = false;
            if (_stopping)
            {
                _ended.TrySetResult();
            }

            return false;
        }
    }

    private void Deliver(in Item item)
    {
        try
        {
            if (metrics.IsLagMeasured)
            {
                metrics.Lagged(time.GetElapsedTime(item.ArrivedAt));
            }

            if (!dispatcher.TryDispatch(item.Hub, item.Envelope, item.ArrivedAt, _delivered))
            {
                refused.ReportUndelivered(null);
            }
        }
        catch (Exception exception)
        {
            try
            {
                refused.ReportUndelivered(exception);
            }
            catch (Exception)
            {
                // It has been counted, and then a logger threw. The lane goes on; on a thread of the pool it would end the process.
            }
        }
    }

    private readonly record struct Item(HubConnections Hub, Envelope Envelope, long ArrivedAt);
}
