namespace DistributedSockets;

/// <summary>Writes what fan-outs of a hub have queued, one pass over many connections at a time.</summary>
/// <remarks>
/// A pass runs on threads of the pool, and finds at each connection the frames of all fan-outs that came until then: under load
/// that saves system calls, and passes that go over the same connections at once. Several threads share a pass over very many
/// connections: each takes one share after another, so that none waits for the others, and one that comes late holds up nobody.
/// </remarks>
/// <param name="maxThreads">How many threads share a pass at most.</param>
internal sealed class FanOutWriter(int maxThreads) : IThreadPoolWorkItem
{
    /// <summary>Fewer recipients are written by the caller, whatever else goes on: there is too little to join, and they need not wait.</summary>
    private const int Many = 64;

    /// <summary>How many passes may wait; beyond, callers write themselves, which slows them down to what can be written.</summary>
    internal const int MaxWaiting = 64;

    /// <summary>How many members a thread takes at once. It takes longer to write to them than to wake another thread.</summary>
    internal const int Share = 512;

    /// <summary>
    /// How many members there are to a thread in a pass that follows another at once. The longer that one took, the more frames each
    /// write joins now, which costs less than several threads that join less. Only very many members would wait too long for it.
    /// </summary>
    private const int BusyShare = 8 * Share;

    /// <summary>To how many members a thread writes before it lets other work of the pool go first.</summary>
    private const int Turn = 2 * Share;

    private readonly Lock _gate = new();
    private readonly Queue<MemberList> _waiting = new();
    private MemberShares _pass; // what is left to take of the one in progress
    private int _threads; // how many may write it
    private int _writing; // how many do
    private bool _isCalled; // another thread, which has not come yet

    /// <summary>Has written what was queued at these connections, after the pass in progress if there is one.</summary>
    internal void Start(MemberList members)
    {
        if (members.Slots < Many)
        {
            Write(members);
            return;
        }

        bool calls, full;
        lock (_gate)
        {
            var waits = _waiting.Contains(members);
            full = !waits && _waiting.Count >= MaxWaiting;
            if (!waits && !full)
            {
                _waiting.Enqueue(members);
            }

            calls = TryCallLocked(followsAnother: false);
        }

        if (calls)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        if (full)
        {
            Write(members);
        }
    }

    /// <summary>One pass on the caller's thread.</summary>
    internal static void Write(MemberList members)
    {
        foreach (var part in members.Full)
        {
            Write(part.Slots);
        }

        foreach (var part in members.Open)
        {
            Write(part.Slots);
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

    private static void Write(ReadOnlySpan<MemberSlot> slots)
    {
        foreach (ref readonly var slot in slots)
        {
            if (slot.Connection is { } member) // that has left, too: something may have been queued for it before
            {
                Write(member);
            }
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        lock (_gate)
        {
            _isCalled = false;
            _writing++;
        }

        for (var written = 0; written < Turn && TryTake(out var share); written += share.Length)
        {
            Write(share);
        }

        bool calls;
        lock (_gate)
        {
            _writing--;
            calls = TryCallLocked(followsAnother: true);
        }

        if (calls)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false); // rather than go on, so that others get the thread, too
        }
    }

    private bool TryTake(out ReadOnlySpan<MemberSlot> share)
    {
        bool calls;
        lock (_gate)
        {
            share = _pass.Take(Share);
            calls = TryCallLocked(followsAnother: false);
        }

        if (calls)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        return !share.IsEmpty;
    }

    /// <summary>Begins the next pass if there is none in progress, and says whether to call a thread. One is called at a time, and calls the next.</summary>
    private bool TryCallLocked(bool followsAnother)
    {
        if (_writing == 0 && _pass.IsEmpty && _waiting.TryDequeue(out var next))
        {
            _pass = new(next);
            _threads = followsAnother ? Math.Min(maxThreads, 1 + (next.Slots / BusyShare)) : maxThreads;
        }

        if (_isCalled || _pass.IsEmpty || _writing >= _threads)
        {
            return false;
        }

        return _isCalled = true;
    }
}
