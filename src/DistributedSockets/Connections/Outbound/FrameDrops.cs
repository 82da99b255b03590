namespace DistributedSockets;

/// <summary>How many frames an outbound queue has dropped, by cause, since its owner was told.</summary>
internal struct FrameDrops
{
    internal int Full;
    internal int Expired;
    internal int Conflated;

    /// <summary>Whether there is something to tell. May be asked without the queue's lock.</summary>
    internal bool Any => (Volatile.Read(ref Full) | Volatile.Read(ref Expired) | Volatile.Read(ref Conflated)) != 0;

    /// <summary>Tells the owner.</summary>
    internal readonly void Report(IOutboundQueueOwner owner)
    {
        Report(owner, Full, FrameDrop.QueueFull);
        Report(owner, Expired, FrameDrop.Expired);
        Report(owner, Conflated, FrameDrop.Conflated);
    }

    private static void Report(IOutboundQueueOwner owner, int count, FrameDrop cause)
    {
        if (count > 0)
        {
            owner.OnFramesDropped(count, cause);
        }
    }
}
