namespace DistributedSockets;

/// <summary>Which users of a hub have connections on this node, and in which groups; and what of that is still to be written.</summary>
/// <remarks>Bounded by the users who are here, and those who went since the last write: a subject that changes over and over is written once.</remarks>
internal sealed class LocalPresence(PresenceScope scope)
{
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _signal = new(0, 1);
    private readonly Dictionary<PresenceSubject, LocalSubject> _subjects = [];
    private readonly Queue<LocalSubject> _dirty = new();
    private int _held;

    internal PresenceScope Scope => scope;

    /// <summary>Whether something is to be written.</summary>
    internal bool HasDirty
    {
        get
        {
            lock (_gate)
            {
                return _dirty.Count > 0;
            }
        }
    }

    /// <summary>Whether anything is here, or in the store, or still to be told.</summary>
    internal bool IsEmpty
    {
        get
        {
            lock (_gate)
            {
                return _subjects.Count == 0;
            }
        }
    }

    /// <summary>Whether nothing is to be written, and nothing is being told.</summary>
    internal bool IsIdle
    {
        get
        {
            lock (_gate)
            {
                return _dirty.Count == 0 && _subjects.Values.All(static subject => subject.Settled >= subject.Announced);
            }
        }
    }

    /// <summary>Whether the store has something of this node.</summary>
    internal bool HoldsAny
    {
        get
        {
            lock (_gate)
            {
                return _held > 0;
            }
        }
    }

    /// <summary>A connection of a user began.</summary>
    internal void Add(string userId) => Count(new(userId, null), 1);

    /// <summary>A connection of a user ended.</summary>
    internal void Remove(string userId) => Count(new(userId, null), -1);

    /// <summary>A connection of a user, if it has one, joined a group.</summary>
    internal void AddToGroup(string? userId, string group)
    {
        if (userId is not null && scope == PresenceScope.UsersAndGroups)
        {
            Count(new(userId, group), 1);
        }
    }

    /// <summary>A connection of a user, if it has one, left a group.</summary>
    internal void RemoveFromGroup(string? userId, string group)
    {
        if (userId is not null && scope == PresenceScope.UsersAndGroups)
        {
            Count(new(userId, group), -1);
        }
    }

    /// <summary>Takes some of what is to be written.</summary>
    internal List<LocalSubject> TakeDirty(int max)
    {
        lock (_gate)
        {
            var taken = new List<LocalSubject>(Math.Min(max, _dirty.Count));
            while (taken.Count < max && _dirty.TryDequeue(out var subject))
            {
                subject.IsDirty = false;
                taken.Add(subject);
            }

            return taken;
        }
    }

    /// <summary>Has subjects written, be it once more.</summary>
    internal void MarkDirty(IEnumerable<LocalSubject> subjects)
    {
        lock (_gate)
        {
            foreach (var subject in subjects)
            {
                MarkDirtyLocked(subject);
            }
        }

        Wake();
    }

    /// <summary>Has all subjects written again.</summary>
    /// <param name="forget">Whether the store has let go of them, and others were told so.</param>
    internal void MarkAllDirty(bool forget)
    {
        lock (_gate)
        {
            foreach (var subject in _subjects.Values)
            {
                if (forget && subject.HeldIn is not null)
                {
                    subject.HeldIn = null;
                    _held--;
                }

                MarkDirtyLocked(subject);
            }
        }

        Wake();
    }

    /// <summary>The subject of a record, be it here or not.</summary>
    internal LocalSubject Get(PresenceSubject key)
    {
        lock (_gate)
        {
            return GetLocked(key);
        }
    }

    /// <summary>How a subject is now.</summary>
    internal LocalState Look(LocalSubject subject)
    {
        lock (_gate)
        {
            return new(subject.Count > 0, subject.HeldIn, subject.Announced, subject.Told);
        }
    }

    internal bool IsHere(PresenceSubject key)
    {
        lock (_gate)
        {
            return _subjects.TryGetValue(key, out var subject) && subject.Count > 0;
        }
    }

    /// <summary>Notes what has been written of a subject.</summary>
    /// <param name="subject">The subject.</param>
    /// <param name="heldIn">The epoch in which the store has it as one of this node; null if it has not.</param>
    /// <param name="announced">The number of the last of its changes that is being told.</param>
    /// <param name="settled">Up to which number its changes stand in the record no more.</param>
    internal void Confirm(LocalSubject subject, string? heldIn, long announced, long settled)
    {
        lock (_gate)
        {
            _held += (heldIn is null ? 0 : 1) - (subject.HeldIn is null ? 0 : 1);
            subject.HeldIn = heldIn;
            subject.Announced = Math.Max(subject.Announced, announced);
            subject.Settled = Math.Max(subject.Settled, settled);
            ForgetIfDoneLocked(subject);
        }
    }

    /// <summary>Notes that a change has been told, so that it can be taken out of the record.</summary>
    internal void Tell(LocalSubject subject, long number)
    {
        lock (_gate)
        {
            subject.Told = Math.Max(subject.Told, number);
            MarkDirtyLocked(subject);
        }

        Wake();
    }

    /// <summary>Waits until there may be something to do.</summary>
    internal Task WaitAsync(CancellationToken cancellationToken) => _signal.WaitAsync(cancellationToken);

    internal void Wake()
    {
        lock (_signal)
        {
            if (_signal.CurrentCount == 0)
            {
                _signal.Release();
            }
        }
    }

    private void Count(PresenceSubject key, int change)
    {
        lock (_gate)
        {
            var subject = GetLocked(key);
            var wasHere = subject.Count > 0;
            subject.Count += change;
            if (wasHere == subject.Count > 0)
            {
                return;
            }

            MarkDirtyLocked(subject);
        }

        Wake();
    }

    private LocalSubject GetLocked(PresenceSubject key)
    {
        if (!_subjects.TryGetValue(key, out var subject))
        {
            _subjects.Add(key, subject = new(key));
        }

        return subject;
    }

    private void MarkDirtyLocked(LocalSubject subject)
    {
        if (!subject.IsDirty)
        {
            subject.IsDirty = true;
            _subjects[subject.Key] = subject; // it may have been forgotten since it was taken
            _dirty.Enqueue(subject);
        }
    }

    private void ForgetIfDoneLocked(LocalSubject subject)
    {
        if (subject is { Count: 0, HeldIn: null, IsDirty: false } && subject.Settled >= subject.Announced)
        {
            _subjects.Remove(subject.Key);
        }
    }
}
