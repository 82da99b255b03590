namespace DistributedSockets;

/// <summary>Writes what fan-outs of a hub have queued, one pass over many connections at a time.</summary>
/// <remarks>
/// A pass runs on a thread of its own, and finds at each connection the frames of all fan-outs that came until then: under load
/// that saves system calls, and threads that go over the same connections at once.
/// </remarks>
internal sealed class FanOutWriter : IThreadPoolWorkItem
{
    /// <summary>Fewer recipients are written by the caller, whatever else goes on: there is too little to join, and they need not wait.</summary>
    private const int Many = 64;

    /// <summary>How many passes may wait; beyond, callers write themselves, which slows them down to what can be written.</summary>
    internal const int MaxWaiting = 64;

    private readonly Lock _gate = new();
    private readonly Queue<MemberList> _waiting = new();
    private bool _writing;

    /// <summary>Has written what was queued at these connections, after the pass in progress if there is one.</summary>
    internal void Start(MemberList members)
    {
        if (members.Slots < Many)
        {
            Write(members);
            return;
        }

        bool start, full;
        lock (_gate)
        {
            var waits = _waiting.Contains(members);
            full = !waits && _waiting.Count >= MaxWaiting;
            if (!waits && !full)
            {
                _waiting.Enqueue(members);
            }

            start = !_writing;
            _writing = true;
        }

        if (full)
        {
            Write(members);
        }
        else if (start)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    /// <summary>One pass on the caller's thread.</summary>
    internal static void Write(MemberList members)
    {
        foreach (var part in members.Full)
        {
            Write(part);
        }

        foreach (var part in members.Open)
        {
            Write(part);
        }
    }

    /// <summary>Writes what was queued at one connection, or has a thread of the pool do that where nothing may be written.</summary>
    internal static void Write(Connection connection)
    {
        if (OrderSection.IsInside)
        {
            connection.Queue.StartLater();
            return;
        }

        try
        {
            connection.Queue.Start();
        }
        catch (Exception exception)
        {
            ((IOutboundQueueOwner)connection).OnWriteFailed(exception); // the others' frames must be written all the same
        }
    }

    private static void Write(MemberPart part)
    {
        foreach (ref readonly var slot in part.Slots)
        {
            if (slot.Connection is { } member) // that has left, too: something may have been queued for it before
            {
                Write(member);
            }
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        MemberList members;
        lock (_gate)
        {
            members = _waiting.Dequeue(); // only here, and one waits
        }

        Write(members);
        lock (_gate)
        {
            if (_waiting.Count == 0)
            {
                _writing = false;
                return;
            }
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false); // rather than a loop, so that others get the thread, too
    }
}
