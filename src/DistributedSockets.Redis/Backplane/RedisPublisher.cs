using System.Net;
using System.Text;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Publishes over one connection: at once while nothing waits for an answer, otherwise together with what else comes meanwhile.</summary>
/// <remarks>
/// A write of the multiplexer is a system call. While answers are outstanding, publishes gather until the thread pool has a thread to
/// spare, and go out as one batch, which is one write. The answers of a batch come in the order of its publishes, so the last one is
/// waited for, and each publish then gets its own. Batches are per server: none waits for another server.
/// <para>
/// The order of calls is the order on the wire: whoever finds something gathered or being written queues up behind it.
/// </para>
/// </remarks>
internal sealed class RedisPublisher : IThreadPoolWorkItem, IDisposable
{
    // The first of a batch is told with the last, so a batch stays small enough for Redis to answer it within a moment.
    private const int MaxBatchPublishes = 128;
    private const int MaxBatchBytes = 64 * 1024;

    private readonly Lock _gate = new();
    private readonly Queue<RedisPublish> _gathered = new();
    private readonly RedisDeadline _deadline;
    private readonly RedisConnection _connection;
    private readonly Func<Exception, Exception> _toFailure;
    private readonly string _channelPrefix;
    private readonly int _maxPendingBytes;
    private readonly TimeProvider _time;
    private bool _isWriting; // or about to; as long as anything is gathered, so nothing can overtake it
    private int _unanswered; // whether written or not
    private long _pendingBytes;
    private bool _isDisposed;
    private volatile Route _route;

    /// <param name="connection">The connection.</param>
    /// <param name="options">How long a publish may take, and how many bytes may wait.</param>
    /// <param name="flags">Which server may take a publish.</param>
    /// <param name="toFailure">Makes what the multiplexer throws into what the caller is told.</param>
    /// <param name="time">The clock.</param>
    public RedisPublisher(
        RedisConnection connection, RedisBackplaneOptions options, CommandFlags flags, Func<Exception, Exception> toFailure, TimeProvider time)
    {
        _connection = connection;
        _toFailure = toFailure;
        _channelPrefix = RedisReach.ChannelPrefix(options.ConnectionString, options.Configuration, options.ConnectionMultiplexer);
        _maxPendingBytes = options.MaxPendingBytes;
        _time = time;
        _route = new(flags, IsCluster: false, IsCounted: flags == CommandFlags.None);
        _deadline = new(options.OperationTimeout, publish => End(publish, new TimeoutException()), time);
    }

    /// <summary>Says which servers there are.</summary>
    /// <param name="flags">Which of them may take a publish.</param>
    /// <param name="isCluster">Whether each channel has a server of its own.</param>
    /// <param name="isCounted">Whether the server knows all receivers.</param>
    public void Follow(CommandFlags flags, bool isCluster, bool isCounted)
    {
        var route = new Route(flags, isCluster, isCounted);
        if (route != _route)
        {
            _route = route;
        }
    }

    /// <summary>Publishes one payload, which is copied before the call returns.</summary>
    /// <exception cref="BackplaneUnavailableException">Too much waits already.</exception>
    public Task<PublishResult> PublishAsync(RedisChannel channel, ReadOnlySpan<byte> payload, CancellationToken cancellationToken)
    {
        ReserveOrThrow(payload.Length);
        var publish = new RedisPublish(channel, payload, _time.GetTimestamp());
        publish.EndOn(cancellationToken);
        switch (Queue(publish))
        {
            case Turn.Now:
                Write([publish]);
                GoOn();
                break;
            case Turn.WithOthers:
                Schedule();
                break;
            case Turn.Never:
                Fail([publish], new ObjectDisposedException("The backplane", "It was disposed."));
                break;
        }

        return publish.Task;
    }

    /// <summary>Completes when all that was published before has been handed to the multiplexer.</summary>
    public Task PassAsync()
    {
        lock (_gate)
        {
            if (!_isWriting)
            {
                return Task.CompletedTask;
            }

            var fence = RedisPublish.Fence();
            Interlocked.Increment(ref _unanswered);
            _gathered.Enqueue(fence);
            return fence.Task;
        }
    }

    /// <summary>Ends all that still wait. To be called when the connection hands out no multiplexer any more.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
        }

        _deadline.Dispose();
        foreach (var publish in _deadline.TakeAll())
        {
            if (!publish.IsEnded)
            {
                End(publish, new ObjectDisposedException("The backplane", "It was disposed."));
            }
        }
    }

    private Turn Queue(RedisPublish publish)
    {
        lock (_gate)
        {
            var isOnly = Interlocked.Increment(ref _unanswered) == 1;
            if (_isDisposed)
            {
                return Turn.Never;
            }

            _deadline.Add(publish);
            if (isOnly && !_isWriting)
            {
                _isWriting = true;
                return Turn.Now;
            }

            _gathered.Enqueue(publish);
            if (_isWriting)
            {
                return Turn.IsScheduled;
            }

            _isWriting = true;
            return Turn.WithOthers;
        }
    }

    // To the end of the common queue: what other threads are about to publish is then in the batch.
    private void Schedule() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);

    void IThreadPoolWorkItem.Execute()
    {
        Write(TakeBatch());
        GoOn();
    }

    private RedisPublish[] TakeBatch()
    {
        lock (_gate)
        {
            var (count, bytes) = (0, 0L);
            foreach (var publish in _gathered)
            {
                bytes += publish.Length;
                if (count == MaxBatchPublishes || (count > 0 && bytes > MaxBatchBytes))
                {
                    break;
                }

                count++;
            }

            var batch = new RedisPublish[count];
            for (var i = 0; i < count; i++)
            {
                batch[i] = _gathered.Dequeue();
            }

            return batch;
        }
    }

    private void GoOn()
    {
        lock (_gate)
        {
            _isWriting = _gathered.Count > 0;
            if (!_isWriting)
            {
                return;
            }
        }

        Schedule();
    }

    /// <summary>Hands publishes to the multiplexer. Never throws.</summary>
    private void Write(RedisPublish[] publishes)
    {
        var route = _route;
        if (_connection.Current is not { } multiplexer)
        {
            Fail(publishes, new RedisConnectionException(ConnectionFailureType.UnableToResolvePhysicalConnection, CommandFlags.None, "Redis is not connected."));
        }
        else if (route.IsCluster && publishes.Length > 1)
        {
            foreach (var share in ByServer(multiplexer, publishes, route))
            {
                WriteToOneServer(multiplexer, share, route);
            }
        }
        else
        {
            WriteToOneServer(multiplexer, publishes, route);
        }
    }

    private void WriteToOneServer(IConnectionMultiplexer multiplexer, RedisPublish[] publishes, Route route)
    {
        try
        {
            // Where there are several servers a batch chooses by rules of its own, so there even a single publish is one.
            var batch = publishes.Length == 1 && route.Flags != CommandFlags.DemandMaster ? null : multiplexer.GetDatabase().CreateBatch();
            IDatabaseAsync target = batch is null ? multiplexer.GetDatabase() : batch;
            foreach (var publish in publishes)
            {
                if (!publish.IsEnded && !publish.IsFence)
                {
                    publish.Answer = target.PublishAsync(publish.Channel, publish.Payload, route.Flags);
                }
            }

            batch?.Execute();
        }
        catch (Exception exception)
        {
            // Nothing has been written: the multiplexer writes after it has accepted all of a batch.
            Fail(publishes, exception);
            return;
        }

        new Batch(this, publishes, route).Await();
    }

    private IEnumerable<RedisPublish[]> ByServer(IConnectionMultiplexer multiplexer, RedisPublish[] publishes, Route route)
    {
        var shares = new Dictionary<EndPoint, List<RedisPublish>>();
        var alone = new List<RedisPublish[]>();
        var servers = new Dictionary<RedisChannel, EndPoint?>(); // asked once for each channel, as its publishes must not overtake each other
        foreach (var publish in publishes)
        {
            if (publish.IsFence || ServerOf(publish.Channel) is not { } server)
            {
                alone.Add([publish]); // a failure of its own is what it gets
                continue;
            }

            if (!shares.TryGetValue(server, out var share))
            {
                shares.Add(server, share = []);
            }

            share.Add(publish);
        }

        return shares.Values.Select(static share => share.ToArray()).Concat(alone);

        EndPoint? ServerOf(RedisChannel channel)
        {
            if (!servers.TryGetValue(channel, out var server))
            {
                servers.Add(channel, server = FindServer(multiplexer, channel, route));
            }

            return server;
        }
    }

    private EndPoint? FindServer(IConnectionMultiplexer multiplexer, RedisChannel channel, Route route)
    {
        try
        {
            return multiplexer.GetServer((RedisKey)(_channelPrefix + channel.ToString()), flags: route.Flags).EndPoint;
        }
        catch (Exception)
        {
            return null; // the server of this channel is away, or the app's multiplexer cannot tell
        }
    }

    private void Fail(RedisPublish[] publishes, Exception exception)
    {
        foreach (var publish in publishes)
        {
            Settle(publish, isRead: false);
            if (publish.IsFence ? publish.TryComplete(PublishResult.Taken) : TryFail(publish, exception))
            {
                publish.TellOnThePool();
            }
        }
    }

    /// <summary>Ends a publish that is waited for no longer.</summary>
    private void End(RedisPublish publish, Exception exception)
    {
        // One that has its answer, while others of its batch have none, gets it now.
        if (publish.Answer is { IsCompleted: true } ? TryEnd(publish, _route) : TryFail(publish, exception))
        {
            publish.TellOnThePool();
        }
    }

    private bool TryFail(RedisPublish publish, Exception exception) => !publish.IsEnded && publish.TryFail(_toFailure(exception));

    /// <summary>Ends a publish with its answer. Whoever gets true has to tell the caller.</summary>
    private bool TryEnd(RedisPublish publish, Route route)
    {
        if (publish.Answer is not { } answer)
        {
            Settle(publish, isRead: true); // a fence, or ended before it was written
            return publish.TryComplete(PublishResult.Taken);
        }

        Settle(publish, answer.IsCompletedSuccessfully);
        if (answer.IsCompletedSuccessfully)
        {
            return publish.TryComplete(route.IsCounted ? PublishResult.Counted(answer.Result) : PublishResult.Taken);
        }

        return TryFail(publish, answer.Exception?.InnerException ?? new OperationCanceledException("The connection to Redis was closed."));
    }

    private void Settle(RedisPublish publish, bool isRead)
    {
        if (publish.TrySettle(isRead))
        {
            Interlocked.Decrement(ref _unanswered);
            Interlocked.Add(ref _pendingBytes, -publish.Length);
        }
    }

    /// <exception cref="BackplaneUnavailableException">There is no room for a payload beside those that Redis has not answered.</exception>
    private void ReserveOrThrow(int bytes)
    {
        var pendingBytes = Interlocked.Add(ref _pendingBytes, bytes);
        if (pendingBytes > _maxPendingBytes && pendingBytes > bytes)
        {
            Interlocked.Add(ref _pendingBytes, -bytes);
            throw new BackplaneUnavailableException(
                $"Messages of {pendingBytes - bytes} bytes wait for Redis, and another of {bytes} would exceed MaxPendingBytes, which is {_maxPendingBytes}. " +
                "It was not published. Connections on this node were served. Redis or the network is too slow for what is sent.");
        }
    }

    private enum Turn
    {
        Now,
        WithOthers,
        IsScheduled,
        Never,
    }

    private sealed record Route(CommandFlags Flags, bool IsCluster, bool IsCounted);

    /// <summary>Publishes that went to one server in one write, and wait for its last answer.</summary>
    private sealed class Batch(RedisPublisher publisher, RedisPublish[] publishes, Route route)
    {
        public void Await()
        {
            for (var i = publishes.Length - 1; i >= 0; i--)
            {
                if (publishes[i].Answer is { } last)
                {
                    last.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(OnAnswered);
                    return;
                }
            }

            // None was written, as each is a fence or has been given up.
            foreach (var publish in publishes)
            {
                if (publisher.TryEnd(publish, route))
                {
                    publish.TellOnThePool();
                }
            }
        }

        private void OnAnswered()
        {
            RedisPublish? toTell = null;
            foreach (var publish in publishes)
            {
                if (publish.Answer is { IsCompleted: false })
                {
                    new Batch(publisher, [publish], route).Await(); // sent to another server since then, or cut off out of turn
                }
                else if (publisher.TryEnd(publish, route))
                {
                    toTell?.TellOnThePool();
                    toTell = publish;
                }
            }

            toTell?.Tell(); // on this thread, which has nothing else to do
        }
    }
}
