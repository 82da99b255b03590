using System.Threading.Channels;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Takes what arrives in one queue of the multiplexer, in its order, until the queue ends.</summary>
internal sealed class RedisQueueReader
{
    private readonly RedisSubscription _subscription;
    private readonly ChannelMessageQueue _queue;
    private readonly RedisInbox _inbox;
    private readonly Action _onArrived;
    private ValueTask<ChannelMessage> _next;

    public RedisQueueReader(RedisSubscription subscription, ChannelMessageQueue queue, RedisInbox inbox)
    {
        (_subscription, _queue, _inbox) = (subscription, queue, inbox);
        _onArrived = OnArrived;
    }

    /// <summary>Takes what is there and waits for more. Called once.</summary>
    public void Start()
    {
        do
        {
            _next = _queue.ReadAsync();
            if (!_next.IsCompleted)
            {
                _inbox.Await(_next, _onArrived);
                return;
            }
        }
        while (TryTake());
    }

    private void OnArrived()
    {
        if (TryTake())
        {
            Start();
        }
    }

    private bool TryTake()
    {
        try
        {
            _subscription.OnMessage(_queue, _next.GetAwaiter().GetResult().Message);
            return true;
        }
        catch (ChannelClosedException)
        {
            return false; // the subscription has ended
        }
    }
}
