namespace DistributedSockets;

/// <summary>The frames that wait for one client, in their order: one alone, which takes no memory of its own, or a ring of them.</summary>
/// <remarks>A client that reads fast has never more than one, so that a broadcast allocates nothing for it, however long it was idle.</remarks>
internal struct WaitingFrames
{
    private SharedFrame? _only; // under the number 0; none while there is a ring
    private FrameRing? _ring;

    internal readonly int Count => _ring?.Count ?? (_only is null ? 0 : 1);

    /// <summary>How many frames it has room for without growing.</summary>
    internal readonly int Capacity => _ring?.Capacity ?? 1;

    /// <summary>The oldest frame; null if none waits.</summary>
    internal readonly SharedFrame? Oldest => _ring is null ? _only : _ring.Oldest;

    /// <summary>The frame that was found under a number.</summary>
    internal readonly SharedFrame this[long number] => _ring is null ? _only! : _ring[number]; // it waits

    internal void Add(SharedFrame frame)
    {
        if (_ring is null)
        {
            if (_only is null)
            {
                _only = frame;
                return;
            }

            _ring = new();
            _ring.Add(_only);
            _only = null;
        }

        _ring.Add(frame);
    }

    /// <summary>Takes the oldest frame. There must be one.</summary>
    internal SharedFrame TakeOldest() => _ring is null ? TakeOnly() : _ring.TakeOldest();

    /// <inheritdoc cref="FrameRing.Find"/>
    internal readonly long Find(string key) =>
        _ring is not null ? _ring.Find(key) : string.Equals(_only?.Terms?.ConflationKey, key, StringComparison.Ordinal) ? 0 : -1;

    /// <inheritdoc cref="FrameRing.MayHoldExpired"/>
    internal readonly bool MayHoldExpired(out long now)
    {
        if (_ring is not null)
        {
            return _ring.MayHoldExpired(out now);
        }

        now = _only?.Terms?.Now ?? 0;
        return _only?.Terms is { TimeToLive: not null } terms && now >= terms.ExpiresAt;
    }

    /// <inheritdoc cref="FrameRing.FindExpired"/>
    internal readonly long FindExpired(long from, long now) =>
        _ring is not null ? _ring.FindExpired(from, now) : _only?.Terms is { TimeToLive: not null } terms && now >= terms.ExpiresAt ? 0 : -1;

    /// <summary>Takes a frame that was found.</summary>
    internal SharedFrame Take(long number) => _ring is null ? TakeOnly() : _ring.Take(number);

    /// <summary>Gives the ring back, unless frames wait or have come since the last call: a client that was slow once does not hold it for ever.</summary>
    internal void Trim()
    {
        if (_ring is not null && _ring.IsUnused())
        {
            _ring = null;
        }
    }

    private SharedFrame TakeOnly()
    {
        var frame = _only!; // it waits
        _only = null;
        return frame;
    }
}
