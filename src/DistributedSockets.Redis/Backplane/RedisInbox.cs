using System.Collections.Concurrent;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Hands over what arrives on all channels of a node. It stands between the multiplexer's reader and the queues of the channels.</summary>
/// <remarks>
/// Only a <see cref="ChannelMessageQueue"/> keeps the order of a channel, and it has the thread pool wake whoever waits for it: a work item for
/// each message. But whoever waits in a synchronization context is woken through that, on the thread that has read the message. This one
/// notes who it is, and a single work item goes through all that have been noted, so what the multiplexer reads at once is handled at
/// once. Where that work item falls behind, others help. One that waits for a queue is noted once at a time, so no order is lost.
/// </remarks>
internal sealed class RedisInbox : SynchronizationContext, IThreadPoolWorkItem
{
    private const int HelpAt = 8;

    private static readonly int MaxWorkers = Math.Max(2, Environment.ProcessorCount);

    private readonly ConcurrentQueue<(SendOrPostCallback Wake, object? State)> _noted = new();
    private int _workers;

    /// <summary>Has a callback run when the next message is there.</summary>
    public void Await(in ValueTask<ChannelMessage> next, Action callback)
    {
        // In force for this call alone: what a receiver starts must not come back here.
        var context = Current;
        SetSynchronizationContext(this);
        try
        {
            next.GetAwaiter().UnsafeOnCompleted(callback);
        }
        finally
        {
            SetSynchronizationContext(context);
        }
    }

    /// <summary>Called by a queue that has something for whoever waits for it, on the thread that has read it.</summary>
    public override void Post(SendOrPostCallback d, object? state)
    {
        _noted.Enqueue((d, state));
        var workers = Interlocked.CompareExchange(ref _workers, 1, 0);
        if (workers == 0
            || (workers < MaxWorkers && _noted.Count > workers * HelpAt && Interlocked.CompareExchange(ref _workers, workers + 1, workers) == workers))
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        do
        {
            while (_noted.TryDequeue(out var noted))
            {
                noted.Wake(noted.State);
            }

            Interlocked.Decrement(ref _workers);
        }
        while (!_noted.IsEmpty && Interlocked.Increment(ref _workers) > 0); // noted by somebody who still saw this one at work
    }
}
