namespace DistributedSockets;

/// <summary>Frames that wait for one client, in their order: a ring, from whose middle frames can be taken.</summary>
/// <remarks>
/// What is taken from the middle leaves a hole, which is closed when the ring is full. Frames are found by conflation key: few by
/// looking at each, many by an index, so that a client that reads fast costs no index.
/// </remarks>
internal sealed class FrameRing
{
    private const int Few = 16;
    private const int MinSlots = 4;

    private SharedFrame?[] _slots = []; // as many as a power of two
    private Dictionary<string, long>? _numbers; // of frames with a key, while there are many
    private long _first; // frames are numbered as they come; this is the number of the oldest
    private int _span; // how many slots are used, holes among them
    private int _withTerms;
    private DeliveryTerms? _soonest; // to expire, of frames that wait or have waited
    private bool _isUsed; // since it was asked

    internal int Count { get; private set; }

    /// <summary>How many frames it has room for without growing.</summary>
    internal int Capacity => _slots.Length;

    internal void Add(SharedFrame frame)
    {
        if (_span == _slots.Length)
        {
            MakeRoom();
        }

        var number = _first + _span++;
        _slots[SlotOf(number)] = frame;
        Count++;
        _isUsed = true;
        if (frame.Terms is null)
        {
            return;
        }

        _withTerms++;
        NoteExpiry(frame.Terms);
        if (frame.Terms.ConflationKey is not { } key)
        {
            return;
        }

        if (_numbers is not null)
        {
            _numbers[key] = number;
        }
        else if (Count > Few)
        {
            Index();
        }
    }

    /// <summary>The oldest frame; null if none waits.</summary>
    internal SharedFrame? Oldest => Count == 0 ? null : _slots[SlotOf(_first)];

    /// <summary>Takes the oldest frame. There must be one.</summary>
    internal SharedFrame TakeOldest() => Take(_first);

    /// <summary>Finds the frame that has a conflation key: there is at most one.</summary>
    /// <returns>The number to take it by; -1 if none has the key.</returns>
    internal long Find(string key)
    {
        if (_withTerms == 0)
        {
            return -1;
        }

        if (_numbers is null && Count > Few)
        {
            Index(); // also if nothing is added then: a full queue that drops what is new is asked again and again
        }

        if (_numbers is not null)
        {
            return _numbers.GetValueOrDefault(key, -1);
        }

        for (var number = _first; number < _first + _span; number++)
        {
            if (_slots[SlotOf(number)]?.Terms?.ConflationKey is { } other && string.Equals(other, key, StringComparison.Ordinal))
            {
                return number;
            }
        }

        return -1;
    }

    /// <summary>The frame that was found under a number.</summary>
    internal SharedFrame this[long number] => _slots[SlotOf(number)]!; // it waits

    /// <summary>Whether a frame's time may be over, so that a search is worth its cost: a full queue asks before each frame that comes.</summary>
    /// <param name="now">The timestamp to search with.</param>
    internal bool MayHoldExpired(out long now)
    {
        now = _soonest?.Now ?? 0;
        return now >= (_soonest?.ExpiresAt ?? long.MaxValue);
    }

    /// <summary>Finds a frame whose time is over. Go on until there is none, so that the next search is made when there is one.</summary>
    /// <param name="from">Where to begin: 0, or the number found last.</param>
    /// <param name="now">Of <see cref="MayHoldExpired"/>.</param>
    /// <returns>The number to take it by; -1 if there is none.</returns>
    internal long FindExpired(long from, long now)
    {
        if (from <= _first)
        {
            _soonest = null;
        }

        for (var number = Math.Max(from, _first); number < _first + _span; number++)
        {
            if (_slots[SlotOf(number)]?.Terms is not { } terms)
            {
                continue;
            }

            if (now >= terms.ExpiresAt)
            {
                return number;
            }

            NoteExpiry(terms);
        }

        return -1;
    }

    /// <summary>Takes a frame that was found.</summary>
    internal SharedFrame Take(long number)
    {
        ref var slot = ref _slots[SlotOf(number)];
        var frame = slot!; // it waits
        slot = null;
        Count--;
        if (frame.Terms is { } terms)
        {
            _withTerms--;
            if (terms.ConflationKey is { } key)
            {
                _numbers?.Remove(key);
            }
        }

        if (Count == 0)
        {
            _first += _span;
            _span = 0;
            _numbers = null;
            _soonest = null;
        }

        while (_span > 0 && _slots[SlotOf(_first)] is null)
        {
            _first++;
            _span--;
        }

        return frame;
    }

    /// <summary>Whether no frame waits, and none has come since the last call.</summary>
    internal bool IsUnused()
    {
        var isUnused = Count == 0 && !_isUsed;
        _isUsed = false;
        return isUnused;
    }

    private void NoteExpiry(DeliveryTerms terms)
    {
        if (terms.TimeToLive is not null && (_soonest is null || terms.ExpiresAt < _soonest.ExpiresAt))
        {
            _soonest = terms;
        }
    }

    private int SlotOf(long number) => (int)(number & (_slots.Length - 1));

    /// <summary>Closes the holes, in a larger ring if there are few.</summary>
    private void MakeRoom()
    {
        var slots = _slots;
        if (Count > slots.Length / 2 || slots.Length == 0)
        {
            _slots = new SharedFrame?[Math.Max(MinSlots, 2 * slots.Length)];
        }

        var next = _first;
        for (var number = _first; number < _first + _span; number++)
        {
            ref var slot = ref slots[(int)(number & (slots.Length - 1))];
            if (slot is { } frame)
            {
                slot = null; // first: it may be the one that is written
                _slots[SlotOf(next++)] = frame;
            }
        }

        _span = Count;
        if (_numbers is not null)
        {
            Index();
        }
    }

    private void Index()
    {
        _numbers ??= new(StringComparer.Ordinal);
        for (var number = _first; number < _first + _span; number++)
        {
            if (_slots[SlotOf(number)]?.Terms?.ConflationKey is { } key)
            {
                _numbers[key] = number;
            }
        }
    }
}
