namespace DistributedSockets;

/// <summary>One channel of an in-memory cluster and who listens to it.</summary>
internal sealed class InMemoryChannel
{
    private readonly Lock _gate = new();
    private readonly List<IBackplaneReceiver> _receivers = [];
    private bool _removed;

    /// <returns>False if the channel was removed from the cluster meanwhile.</returns>
    internal bool TryAdd(IBackplaneReceiver receiver)
    {
        lock (_gate)
        {
            if (_removed)
            {
                return false;
            }

            if (!_receivers.Contains(receiver))
            {
                _receivers.Add(receiver);
            }

            return true;
        }
    }

    /// <returns>True if nobody listens any more, once.</returns>
    internal bool Remove(IBackplaneReceiver receiver)
    {
        lock (_gate)
        {
            _receivers.Remove(receiver);
            var last = _receivers.Count == 0 && !_removed;
            _removed |= last;
            return last;
        }
    }

    /// <summary>
    /// Hands a copy to every receiver. Under the lock, as the order must be the same for all; receivers queue what comes, and write nothing.
    /// </summary>
    internal int Deliver(string channel, ReadOnlyMemory<byte> payload)
    {
        lock (_gate)
        {
            if (_receivers.Count == 0)
            {
                return 0;
            }

            ReadOnlyMemory<byte> copy = payload.ToArray();
            OrderSection.Enter();
            try
            {
                foreach (var receiver in _receivers)
                {
                    receiver.OnReceived(channel, copy);
                }
            }
            finally
            {
                OrderSection.Exit();
            }

            return _receivers.Count;
        }
    }
}
