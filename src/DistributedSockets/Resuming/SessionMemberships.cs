namespace DistributedSockets;

/// <summary>In which groups a session was at which offset of the log: those at its position, and what changed behind it.</summary>
/// <remarks>Not thread-safe. A change is known by its offset, so it may be told by reading and live, in any order and twice.</remarks>
internal sealed class SessionMemberships(IEnumerable<string> groups)
{
    private readonly HashSet<string> _groups = new(groups, StringComparer.Ordinal);
    private readonly SortedList<long, (string? Group, bool IsJoin)> _changes = []; // no group: it left all

    /// <summary>The groups at the position.</summary>
    internal IReadOnlyCollection<string> AtPosition => _groups;

    /// <summary>How many changes behind the position are known.</summary>
    internal int Changes => _changes.Count;

    /// <summary>Notes a change that stands behind the position.</summary>
    /// <param name="offset">Its offset.</param>
    /// <param name="group">The group; null to leave all.</param>
    /// <param name="isJoin">Whether the session joins it.</param>
    internal void Note(long offset, string? group, bool isJoin) => _changes[offset] = (group, isJoin);

    /// <summary>Whether the session is in a group when all changes up to an offset have taken effect.</summary>
    internal bool IsIn(string group, long offset)
    {
        for (var i = CountUpTo(offset) - 1; i >= 0; i--)
        {
            var change = _changes.GetValueAtIndex(i);
            if (change.Group is null || string.Equals(change.Group, group, StringComparison.Ordinal))
            {
                return change.IsJoin;
            }
        }

        return _groups.Contains(group);
    }

    /// <summary>The groups when all changes up to an offset have taken effect.</summary>
    internal HashSet<string> At(long offset)
    {
        var groups = new HashSet<string>(_groups, StringComparer.Ordinal);
        for (var i = 0; i < CountUpTo(offset); i++)
        {
            Apply(groups, _changes.GetValueAtIndex(i));
        }

        return groups;
    }

    /// <summary>Moves the position on, over the changes up to an offset.</summary>
    internal void MoveTo(long offset)
    {
        for (var count = CountUpTo(offset); count > 0; count--)
        {
            Apply(_groups, _changes.GetValueAtIndex(0));
            _changes.RemoveAt(0);
        }
    }

    private static void Apply(HashSet<string> groups, (string? Group, bool IsJoin) change)
    {
        switch (change)
        {
            case { Group: null }:
                groups.Clear();
                break;
            case { IsJoin: true }:
                groups.Add(change.Group);
                break;
            default:
                groups.Remove(change.Group);
                break;
        }
    }

    private int CountUpTo(long offset)
    {
        var (low, high) = (0, _changes.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = _changes.GetKeyAtIndex(middle) <= offset ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
