using System.Buffers;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>One payload on its way to Redis, and what came of it.</summary>
/// <remarks>
/// The payload is a copy, which the multiplexer may read after the publish was given up: such a copy is left to the garbage collector,
/// that of an answered publish goes back to the pool. One without a payload and a channel is a fence: it is through when all before it
/// have been handed to the multiplexer.
/// </remarks>
internal sealed class RedisPublish : TaskCompletionSource<PublishResult>, IThreadPoolWorkItem
{
    private byte[] _copy;
    private CancellationToken _cancellation;
    private CancellationTokenRegistration _registration;
    private PublishResult _result;
    private Exception? _exception;
    private int _isEnded;
    private int _isSettled;

    public RedisPublish(RedisChannel channel, ReadOnlySpan<byte> payload, long startedAt)
    {
        Channel = channel;
        StartedAt = startedAt;
        Length = payload.Length;
        _copy = ArrayPool<byte>.Shared.Rent(Length);
        payload.CopyTo(_copy);
    }

    private RedisPublish() => _copy = [];

    public RedisChannel Channel { get; }

    /// <summary>How long the payload is.</summary>
    public int Length { get; }

    /// <summary>The payload, until it is settled.</summary>
    public ReadOnlyMemory<byte> Payload => _copy.AsMemory(0, Length);

    public bool IsFence => Channel.IsNullOrEmpty;

    /// <summary>When it was called for: a timestamp.</summary>
    public long StartedAt { get; }

    /// <summary>What the multiplexer says, once it has the payload.</summary>
    public Task<long>? Answer { get; set; }

    /// <summary>Whether the caller has been told, or is about to be.</summary>
    public bool IsEnded => Volatile.Read(ref _isEnded) != 0;

    public static RedisPublish Fence() => new();

    /// <summary>Ends the wait when the token is cancelled.</summary>
    public void EndOn(CancellationToken cancellationToken)
    {
        if (cancellationToken.CanBeCanceled)
        {
            _cancellation = cancellationToken;
            _registration = cancellationToken.UnsafeRegister(
                static state =>
                {
                    var publish = (RedisPublish)state!;
                    if (publish.TryFail(new OperationCanceledException(publish._cancellation)))
                    {
                        publish.TellOnThePool();
                    }
                },
                this);
        }
    }

    /// <summary>Notes a result; false if it has ended in another way before. Whoever gets true has to tell the caller.</summary>
    public bool TryComplete(PublishResult result)
    {
        if (Interlocked.Exchange(ref _isEnded, 1) != 0)
        {
            return false;
        }

        _result = result;
        return true;
    }

    /// <inheritdoc cref="TryComplete"/>
    public bool TryFail(Exception exception)
    {
        if (Interlocked.Exchange(ref _isEnded, 1) != 0)
        {
            return false;
        }

        _exception = exception;
        return true;
    }

    /// <summary>Whether this is the first to note that the multiplexer is done with it; it then has no use for the copy any more if it has read it.</summary>
    public bool TrySettle(bool isRead)
    {
        if (Interlocked.Exchange(ref _isSettled, 1) != 0)
        {
            return false;
        }

        if (isRead && !IsFence)
        {
            ArrayPool<byte>.Shared.Return(_copy);
        }

        _copy = []; // this may be held for as long as an older one waits
        return true;
    }

    /// <summary>Tells the caller, whose code then runs on this thread.</summary>
    public void Tell()
    {
        _registration.Unregister();
        if (_exception is null)
        {
            SetResult(_result);
        }
        else if (_exception is OperationCanceledException && _cancellation.IsCancellationRequested)
        {
            SetCanceled(_cancellation);
        }
        else
        {
            SetException(_exception);
        }
    }

    /// <summary>Tells the caller on a thread of its own, since its code may take its time.</summary>
    public void TellOnThePool() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);

    void IThreadPoolWorkItem.Execute() => Tell();
}
