namespace DistributedSockets;

/// <summary>The one-use tickets of an in-memory cluster.</summary>
internal sealed class InMemoryTickets(TimeProvider time)
{
    private const int MaxTickets = 100_000;
    private const int MinSwept = 1_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, (byte[] Ticket, DateTimeOffset ExpiresAt)> _tickets = new(StringComparer.Ordinal);
    private int _sweepAt = MinSwept;

    /// <exception cref="SessionStoreUnavailableException">There are as many as may be.</exception>
    internal void Add(string key, byte[] ticket, TimeSpan lifetime)
    {
        lock (_gate)
        {
            if (_tickets.Count >= _sweepAt)
            {
                SweepLocked();
            }

            if (_tickets.Count >= MaxTickets)
            {
                throw new SessionStoreUnavailableException($"{MaxTickets} tickets have been given out and not been used yet. Try again when some of them have run out.");
            }

            _tickets.Add(key, (ticket, time.GetUtcNow() + lifetime));
        }
    }

    internal byte[]? Take(string key)
    {
        lock (_gate)
        {
            return _tickets.Remove(key, out var found) && found.ExpiresAt > time.GetUtcNow() ? found.Ticket : null;
        }
    }

    /// <summary>Forgets what nobody came for. Done when there are twice as many as the last time, so it costs each ticket the same.</summary>
    private void SweepLocked()
    {
        var now = time.GetUtcNow();
        foreach (var (key, (_, expiresAt)) in _tickets)
        {
            if (expiresAt <= now)
            {
                _tickets.Remove(key);
            }
        }

        _sweepAt = Math.Clamp(2 * _tickets.Count, MinSwept, MaxTickets);
    }
}
