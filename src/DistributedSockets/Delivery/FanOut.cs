namespace DistributedSockets;

/// <summary>Queues one frame at many connections, for <see cref="LocalDelivery"/>. No allocation per recipient.</summary>
internal static class FanOut
{
    private const int MaxScannedExclusions = 16;

    /// <param name="members">The recipients.</param>
    /// <param name="frame">The frame; every queue takes its own reference.</param>
    /// <param name="excluded">Connections that get nothing.</param>
    /// <param name="served">If given, connections that have got the frame already; the others are added.</param>
    /// <returns>How many queues took it.</returns>
    internal static int Enqueue(MemberList members, SharedFrame frame, ReadOnlySpan<Connection?> excluded, HashSet<Connection>? served = null)
    {
        var many = excluded.Length > MaxScannedExclusions ? excluded.ToArray().ToHashSet() : null;
        Span<int> lengths = stackalloc int[MemberList.MaxOpen];
        members.ReadLengths(lengths);
        var sent = 0;
        foreach (var part in members.Full)
        {
            sent += Enqueue(part.Slots, frame, excluded, many, served);
        }

        for (var i = 0; i < members.Open.Length; i++)
        {
            sent += Enqueue(members.Open[i].Slots[..lengths[i]], frame, excluded, many, served);
        }

        return sent;
    }

    private static int Enqueue(
        ReadOnlySpan<MemberSlot> slots, SharedFrame frame, ReadOnlySpan<Connection?> excluded, HashSet<Connection?>? many, HashSet<Connection>? served)
    {
        var sent = 0;
        var filter = frame.Terms?.Filter;
        frame.AddReferences(slots.Length);
        try
        {
            foreach (ref readonly var slot in slots)
            {
                if (slot is { Membership: not null, Connection: { } member }
                    && (excluded.IsEmpty || !(many is null ? Contains(excluded, member) : many.Contains(member)))
                    && (filter is null || filter.Matches(member))
                    && (served is null || served.Add(member))
                    && member.Queue.TryEnqueueReferenced(frame))
                {
                    sent++;
                }
            }
        }
        finally
        {
            frame.Release(slots.Length - sent);
        }

        return sent;
    }

    private static bool Contains(ReadOnlySpan<Connection?> connections, Connection connection)
    {
        foreach (var other in connections)
        {
            if (ReferenceEquals(other, connection))
            {
                return true;
            }
        }

        return false;
    }
}
