using System.Text;

namespace DistributedSockets;

/// <summary>In which groups a session was at which offset of the log: those at its position, and what changed behind it.</summary>
/// <remarks>
/// Not thread-safe. A change is known by its offset, so it may be told by reading and live, in any order and twice. Whether a join finds room depends on the
/// changes before it, so it is settled only when all of these are known.
/// </remarks>
/// <param name="groups">The groups at the position.</param>
/// <param name="position">The offset of the position.</param>
internal sealed class SessionMemberships(IEnumerable<string> groups, long position)
{
    /// <summary>How many bytes of UTF-8 the names of a session's groups may have, with two for each: with all else its record takes fits into what every store takes. The same at all nodes.</summary>
    internal const int MaxNameBytes = 400_000;

    /// <summary>So many groups have room whatever their names are, which have 256 bytes at most.</summary>
    private const int AlwaysFitting = MaxNameBytes / (256 + sizeof(ushort));

    private string[] _groups = Sorted(groups); // little memory, as nearly all sessions do nothing nearly all the time
    private SortedList<long, Change>? _changes; // while there are some
    private HashSet<string>? _last; // the groups behind all changes, once it has been asked for
    private long _position = position;

    /// <summary>The groups at the position, which stay as they are.</summary>
    internal IReadOnlyCollection<string> AtPosition => _groups;

    /// <summary>How many changes behind the position are known.</summary>
    internal int Changes => _changes?.Count ?? 0;

    /// <summary>Notes a change. One up to the position is known already.</summary>
    internal void Note(long offset, in SessionGroupChange change)
    {
        if (offset <= _position || !(_changes ??= []).TryAdd(offset, new(change.Group, change.IsJoin, change.MaxGroups)))
        {
            return;
        }

        var before = _changes.Count - 1;
        if (_changes.GetKeyAtIndex(before) == offset)
        {
            if (_last is null)
            {
                if (!change.IsJoin || _groups.Length + before < Math.Min(change.MaxGroups, AlwaysFitting))
                {
                    return; // there is room, whatever the changes before it were
                }

                _last = At(offset - 1);
            }

            Settle(_changes, _last, before);
            return;
        }

        _last = new(_groups, StringComparer.Ordinal);
        for (var i = 0; i <= before; i++)
        {
            Settle(_changes, _last, i);
        }
    }

    /// <summary>Whether the session is in a group when all changes up to an offset have taken effect.</summary>
    internal bool IsIn(string group, long offset)
    {
        for (var i = CountUpTo(offset) - 1; i >= 0; i--)
        {
            var change = _changes!.GetValueAtIndex(i); // there are some
            if (!change.IsRefused && (change.Group is null || string.Equals(change.Group, group, StringComparison.Ordinal)))
            {
                return change.IsJoin;
            }
        }

        return Array.BinarySearch(_groups, group, StringComparer.Ordinal) >= 0;
    }

    /// <summary>The groups when all changes up to an offset have taken effect.</summary>
    internal HashSet<string> At(long offset)
    {
        var groups = new HashSet<string>(_groups, StringComparer.Ordinal);
        for (var i = 0; i < CountUpTo(offset); i++)
        {
            Apply(groups, _changes!.GetValueAtIndex(i)); // there are some
        }

        return groups;
    }

    /// <summary>Moves the position on, over the changes up to an offset.</summary>
    internal void MoveTo(long offset)
    {
        if (CountUpTo(offset) is > 0 and var count)
        {
            _groups = Sorted(At(offset));
            for (; count > 0; count--)
            {
                _changes!.RemoveAt(0); // as many as were counted
            }
        }

        _position = Math.Max(_position, offset);
        if (Changes == 0)
        {
            (_changes, _last) = (null, null);
        }
    }

    private static string[] Sorted(IEnumerable<string> groups)
    {
        string[] sorted = [.. groups];
        Array.Sort(sorted, StringComparer.Ordinal);
        return sorted;
    }

    /// <summary>Decides whether a change finds room, given the groups before it, and applies it to them.</summary>
    private static void Settle(SortedList<long, Change> changes, HashSet<string> groups, int index)
    {
        var change = changes.GetValueAtIndex(index);
        change = change with
        {
            IsRefused = change is { IsJoin: true, Group: { } group } && !groups.Contains(group) && (groups.Count >= change.MaxGroups || !HasRoom(groups, group)),
        };
        changes.SetValueAtIndex(index, change);
        Apply(groups, change);
    }

    /// <summary>Whether the names of groups and of one more are short enough for the record of a session.</summary>
    private static bool HasRoom(HashSet<string> groups, string group)
    {
        if (groups.Count < AlwaysFitting)
        {
            return true;
        }

        var bytes = Encoding.UTF8.GetByteCount(group) + sizeof(ushort);
        foreach (var name in groups)
        {
            bytes += Encoding.UTF8.GetByteCount(name) + sizeof(ushort);
        }

        return bytes <= MaxNameBytes;
    }

    private static void Apply(HashSet<string> groups, in Change change)
    {
        switch (change)
        {
            case { IsRefused: true }:
                break;
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
        var (low, high) = (0, Changes);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = _changes!.GetKeyAtIndex(middle) <= offset ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    /// <param name="Group">The group; null to leave all.</param>
    /// <param name="IsJoin">Whether the session joins it.</param>
    /// <param name="MaxGroups">In how many groups it may be to join.</param>
    /// <param name="IsRefused">Whether there is no room for it.</param>
    private readonly record struct Change(string? Group, bool IsJoin, int MaxGroups, bool IsRefused = false);
}
