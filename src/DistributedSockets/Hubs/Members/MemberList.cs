using System.Collections;

namespace DistributedSockets;

/// <summary>The parts that hold the members of a <see cref="MemberSet"/>, as those see them who send to it. Which parts these are never changes.</summary>
/// <param name="full">The parts that take no new members.</param>
/// <param name="open">The others: none, one, or <see cref="MaxOpen"/>.</param>
internal sealed class MemberList(MemberPart[] full, MemberPart[] open) : IReadOnlyCollection<Connection>
{
    /// <summary>How many parts of a large set take new members: a power of two.</summary>
    internal const int MaxOpen = 8;

    internal static readonly MemberList Empty = new([], []);

    internal ReadOnlySpan<MemberPart> Full => full;

    internal ReadOnlySpan<MemberPart> Open => open;

    /// <summary>How many members there are.</summary>
    public int Count
    {
        get
        {
            var count = 0;
            foreach (var part in full)
            {
                count += part.Count;
            }

            foreach (var part in open)
            {
                count += part.Count;
            }

            return count;
        }
    }

    /// <summary>How many slots a pass goes over: those of the members, and of those who have left.</summary>
    internal int Slots
    {
        get
        {
            var slots = 0;
            foreach (var part in full)
            {
                slots += part.Slots.Length;
            }

            foreach (var part in open)
            {
                slots += part.Slots.Length;
            }

            return slots;
        }
    }

    internal bool IsEmpty
    {
        get
        {
            foreach (var part in open)
            {
                if (part.Count > 0)
                {
                    return false;
                }
            }

            foreach (var part in full)
            {
                if (part.Count > 0)
                {
                    return false;
                }
            }

            return true;
        }
    }

    /// <summary>Notes how far the open parts are filled. A look at them that goes no farther meets nobody twice who leaves and comes back meanwhile.</summary>
    internal void ReadLengths(Span<int> lengths)
    {
        for (var i = 0; i < open.Length; i++)
        {
            lengths[i] = open[i].Slots.Length;
        }
    }

    /// <summary>The list with another part in the place of one, or without it.</summary>
    internal MemberList With(MemberPart part, MemberPart? replacement)
    {
        var index = Array.IndexOf(open, part);
        return index >= 0 ? new(full, Exchange(open, index, replacement)) : new(Exchange(full, Array.IndexOf(full, part), replacement), open);
    }

    public IEnumerator<Connection> GetEnumerator()
    {
        var lengths = new int[MaxOpen];
        ReadLengths(lengths);
        for (var i = 0; i < full.Length + open.Length; i++)
        {
            var part = i < full.Length ? full[i] : open[i - full.Length];
            var slots = i < full.Length ? part.Slots.Length : lengths[i - full.Length];
            for (var slot = 0; slot < slots; slot++)
            {
                if (part.Slots[slot] is { Membership: not null, Connection: { } member })
                {
                    yield return member;
                }
            }
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static MemberPart[] Exchange(MemberPart[] parts, int index, MemberPart? replacement) =>
        replacement is null ? [.. parts.AsSpan(0, index), .. parts.AsSpan(index + 1)] : [.. parts.AsSpan(0, index), replacement, .. parts.AsSpan(index + 1)];
}
