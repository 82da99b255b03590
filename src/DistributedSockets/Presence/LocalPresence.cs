using System.Collections.Concurrent;

namespace DistributedSockets;

/// <summary>Which users of a hub have connections on this node, and in which groups; and what of that is still to be written.</summary>
/// <remarks>
/// Bounded by the users who are here, and those who went since the last write: a subject that changes over and over is written once. Each
/// subject is changed under a lock on it, so that those who come and go do not wait for each other.
/// </remarks>
internal sealed class LocalPresence(PresenceScope scope)
{
    private readonly SemaphoreSlim _signal = new(0, 1);
    private readonly ConcurrentDictionary<PresenceSubject, LocalSubject> _subjects = new();
    private readonly ConcurrentQueue<LocalSubject> _dirty = new();
    private int _held;

    internal PresenceScope Scope => scope;

    /// <summary>Whether something is to be written.</summary>
    internal bool HasDirty => !_dirty.IsEmpty;

    /// <summary>Whether anything is here, or in the store, or still to be told.</summary>
    internal bool IsEmpty => _subjects.IsEmpty;

    /// <summary>Whether nothing is to be written, and nothing is being told.</summary>
    internal bool IsIdle
    {
        get
        {
            foreach (var (_, subject) in _subjects)
            {
                lock (subject)
                {
                    if (subject.IsDirty || subject.Settled < subject.Announced)
                    {
                        return false;
                    }
                }
            }

            return _dirty.IsEmpty;
        }
    }

    /// <summary>Whether the store has something of this node.</summary>
    internal bool HoldsAny => Volatile.Read(ref _held) > 0;

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
        max = Math.Min(max, _dirty.Count); // what is marked again meanwhile stands behind, so that nothing is taken twice
        var taken = new List<LocalSubject>(max);
        while (taken.Count < max && _dirty.TryDequeue(out var subject))
        {
            lock (subject)
            {
                subject.IsDirty = false; // before anybody looks at it, so that a change after the look is written, too
            }

            taken.Add(subject);
        }

        return taken;
    }

    /// <summary>Has subjects written, be it once more.</summary>
    internal void MarkDirty(IEnumerable<LocalSubject> subjects)
    {
        foreach (var subject in subjects)
        {
            MarkDirty(subject.Key);
        }

        Wake();
    }

    /// <summary>Has all subjects written again.</summary>
    /// <param name="forget">Whether the store has let go of them, and others were told so.</param>
    internal void MarkAllDirty(bool forget)
    {
        foreach (var (_, subject) in _subjects)
        {
            lock (subject)
            {
                if (subject.IsForgotten)
                {
                    continue;
                }

                if (forget && subject.HeldIn is not null)
                {
                    subject.HeldIn = null;
                    Interlocked.Decrement(ref _held);
                }

                MarkDirtyLocked(subject);
            }
        }

        Wake();
    }

    /// <summary>The subject of a record, be it here or not.</summary>
    internal LocalSubject Get(PresenceSubject key) => _subjects.GetOrAdd(key, static key => new(key));

    /// <summary>How a subject is now.</summary>
    internal LocalState Look(LocalSubject subject)
    {
        lock (subject)
        {
            return new(subject.Count > 0, subject.HeldIn, subject.Announced, subject.Told);
        }
    }

    internal bool IsHere(PresenceSubject key)
    {
        if (!_subjects.TryGetValue(key, out var subject))
        {
            return false;
        }

        lock (subject)
        {
            return subject.Count > 0;
        }
    }

    /// <summary>Notes what has been written of a subject.</summary>
    /// <param name="subject">The subject.</param>
    /// <param name="heldIn">The epoch in which the store has it as one of this node; null if it has not.</param>
    /// <param name="announced">The number of the last of its changes that is being told.</param>
    /// <param name="settled">Up to which number its changes stand in the record no more.</param>
    internal void Confirm(LocalSubject subject, string? heldIn, long announced, long settled)
    {
        lock (subject)
        {
            Interlocked.Add(ref _held, (heldIn is null ? 0 : 1) - (subject.HeldIn is null ? 0 : 1));
            subject.HeldIn = heldIn;
            subject.Announced = Math.Max(subject.Announced, announced);
            subject.Settled = Math.Max(subject.Settled, settled);
            ForgetIfDoneLocked(subject);
        }
    }

    /// <summary>Notes that a change has been told, so that it can be taken out of the record.</summary>
    internal void Tell(LocalSubject subject, long number)
    {
        lock (subject)
        {
            subject.Told = Math.Max(subject.Told, number);
        }

        MarkDirty(subject.Key);
        Wake();
    }

    /// <summary>Waits until there may be something to do.</summary>
    internal Task WaitAsync(CancellationToken cancellationToken) => _signal.WaitAsync(cancellationToken);

    internal void Wake()
    {
        Interlocked.MemoryBarrier(); // what the caller has noted is seen by whoever takes a signal that is there already
        if (_signal.CurrentCount > 0)
        {
            return; // what was enqueued before is found by whoever takes the signal
        }

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
        while (true)
        {
            var subject = Get(key);
            lock (subject)
            {
                if (subject.IsForgotten)
                {
                    continue;
                }

                var wasHere = subject.Count > 0;
                subject.Count += change;
                if (wasHere == subject.Count > 0)
                {
                    return;
                }

                MarkDirtyLocked(subject);
            }

            Wake();
            return;
        }
    }

    /// <summary>By key, since the subject may have been forgotten since it was taken, and another one stand for it.</summary>
    private void MarkDirty(PresenceSubject key)
    {
        while (true)
        {
            var subject = Get(key);
            lock (subject)
            {
                if (!subject.IsForgotten)
                {
                    MarkDirtyLocked(subject);
                    return;
                }
            }
        }
    }

    private void MarkDirtyLocked(LocalSubject subject)
    {
        if (!subject.IsDirty)
        {
            subject.IsDirty = true;
            _dirty.Enqueue(subject);
        }
    }

    private void ForgetIfDoneLocked(LocalSubject subject)
    {
        if (subject is { Count: 0, HeldIn: null, IsDirty: false } && subject.Settled >= subject.Announced)
        {
            subject.IsForgotten = true;
            _subjects.TryRemove(new(subject.Key, subject));
        }
    }
}
