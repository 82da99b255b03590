namespace DistributedSockets;

/// <summary>The groups that one connection is on its way into. Whoever holds a lock on it decides between a join and what takes it back.</summary>
/// <remarks>The lock is held by all members, by the hub for all that it changes of the connection, and by callers for what must not come between.</remarks>
internal sealed class PendingJoins
{
    private Dictionary<string, PendingJoin>? _byGroup;

    internal PendingJoin? Find(string group)
    {
        if (Volatile.Read(ref _byGroup) is null)
        {
            return null; // most connections have never waited
        }

        lock (this)
        {
            return _byGroup?.GetValueOrDefault(group);
        }
    }

    /// <param name="group">The group.</param>
    /// <param name="callers">How many want it from the beginning.</param>
    internal PendingJoin Begin(string group, int callers = 0)
    {
        lock (this)
        {
            var join = new PendingJoin { Callers = callers };
            (_byGroup ??= new(StringComparer.Ordinal)).Add(group, join);
            return join;
        }
    }

    /// <summary>Takes a join that is to be carried out or given up; false if another has taken it.</summary>
    internal bool TryTake(string group, PendingJoin join)
    {
        lock (this)
        {
            return _byGroup?.GetValueOrDefault(group) == join && _byGroup.Remove(group);
        }
    }

    /// <summary>Takes the join into a group, if there is one.</summary>
    internal PendingJoin? Take(string group)
    {
        lock (this)
        {
            return _byGroup is not null && _byGroup.Remove(group, out var join) ? join : null;
        }
    }

    internal PendingJoin[] TakeAll()
    {
        lock (this)
        {
            PendingJoin[] all = _byGroup is { Count: > 0 } joins ? [.. joins.Values] : [];
            _byGroup = null;
            return all;
        }
    }
}
