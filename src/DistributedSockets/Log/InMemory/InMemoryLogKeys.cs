namespace DistributedSockets;

/// <summary>The idempotency keys that an in-memory log knows still, and where their entries stand.</summary>
internal sealed class InMemoryLogKeys(TimeProvider time)
{
    private readonly Dictionary<string, (long Offset, long ExpiresAt)> _known = new(StringComparer.Ordinal);
    private readonly Queue<(string Key, long ExpiresAt)> _order = [];

    internal bool TryFind(string key, out long offset)
    {
        var isKnown = _known.TryGetValue(key, out var found) && found.ExpiresAt > time.GetTimestamp();
        offset = found.Offset;
        return isKnown;
    }

    internal void Add(string key, long offset, TimeSpan lifetime)
    {
        var expiresAt = time.GetTimestamp() + (long)(lifetime.TotalSeconds * time.TimestampFrequency);
        _known[key] = (offset, expiresAt);
        _order.Enqueue((key, expiresAt));
    }

    internal void Expire()
    {
        var now = time.GetTimestamp();
        while (_order.TryPeek(out var oldest) && oldest.ExpiresAt <= now)
        {
            _order.Dequeue();
            if (_known.TryGetValue(oldest.Key, out var known) && known.ExpiresAt <= now) // else the key was used again since
            {
                _known.Remove(oldest.Key);
            }
        }
    }
}
