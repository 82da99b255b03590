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
        if (excluded.Length > MaxScannedExclusions)
        {
            return Enqueue(members, frame, excluded.ToArray().ToHashSet(), served);
        }

        var sent = 0;
        var slots = members.Slots;
        frame.AddReferences(slots.Length);
        for (var i = 0; i < slots.Length; i++)
        {
            if (slots[i] is { } member
                && !members.HasLeft(i)
                && (excluded.IsEmpty || !Contains(excluded, member))
                && (served is null || served.Add(member))
                && member.Queue.TryEnqueueReferenced(frame))
            {
                sent++;
            }
        }

        frame.Release(slots.Length - sent);
        return sent;
    }

    private static int Enqueue(MemberList members, SharedFrame frame, HashSet<Connection?> excluded, HashSet<Connection>? served)
    {
        var sent = 0;
        var slots = members.Slots;
        frame.AddReferences(slots.Length);
        for (var i = 0; i < slots.Length; i++)
        {
            if (slots[i] is { } member
                && !members.HasLeft(i)
                && !excluded.Contains(member)
                && (served is null || served.Add(member))
                && member.Queue.TryEnqueueReferenced(frame))
            {
                sent++;
            }
        }

        frame.Release(slots.Length - sent);
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
