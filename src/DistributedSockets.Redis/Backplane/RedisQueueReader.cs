using System.Threading.Channels;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Takes what arrives in one queue of the multiplexer, in its order, until the queue ends.</summary>
internal sealed class RedisQueueReader
{
    /// <summary>How many messages of a channel are taken before others have their turn.</summary>
    private const int TurnLength = 64;

    private readonly RedisSubscription _subscription;
    private readonly ChannelMessageQueue _queue;
    private readonly RedisInbox _inbox;
    private readonly Action _onArrived;
    private readonly SendOrPostCallback _onTurn;
    private ValueTask<ChannelMessage> _next;

    public RedisQueueReader(RedisSubscription subscription, ChannelMessageQueue queue, RedisInbox inbox)
    {
        (_subscription, _queue, _inbox) = (subscription, queue, inbox);
        _onArrived = OnArrived;
        _onTurn = _ => Take();
    }

    /// <summary>Has taken what is there, and whatever comes. Called once.</summary>
    public void Start() => _inbox.Post(_onTurn, null);

    private void Take()
    {
        for (var taken = 0; taken < TurnLength; taken++)
        {
            _next = _queue.ReadAsync();
            if (!_next.IsCompleted)
            {
                _inbox.Await(_next, _onArrived);
                return;
            }

            if (!TryTake())
            {
                return;
            }
        }

        _inbox.Post(_onTurn, null); // behind the others
    }

    private void OnArrived()
    {
        if (TryTake())
        {
            Take();
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
