namespace DistributedSockets.Tests;

/// <summary>Counts what an outbound queue tells.</summary>
internal sealed class QueueOwner : IOutboundQueueOwner
{
    internal int Full;
    internal int Dropped;
    internal int Expired;
    internal int Conflated;

    internal List<Exception> Failures { get; } = [];

    /// <summary>When set, called for everything that is told.</summary>
    internal Action? OnTold { get; set; }

    public void OnQueueFull()
    {
        Interlocked.Increment(ref Full);
        OnTold?.Invoke();
    }

    public void OnWriteFailed(Exception exception)
    {
        Failures.Add(exception);
        OnTold?.Invoke();
    }

    public void OnFramesDropped(int count, FrameDrop cause)
    {
        ref var counter = ref Dropped;
        switch (cause)
        {
            case FrameDrop.Expired:
                counter = ref Expired;
                break;
            case FrameDrop.Conflated:
                counter = ref Conflated;
                break;
        }

        Interlocked.Add(ref counter, count);
        OnTold?.Invoke();
    }
}
