using System.Net;

namespace DistributedSockets;

/// <summary>One primary of a Redis Cluster, as a backplane for the channels of its slots.</summary>
internal sealed class RedisShard : IBackplaneReceiver, IAsyncDisposable
{
    private static readonly TimeSpan BarrierInterval = TimeSpan.FromMilliseconds(50);

    private readonly RedisShardedBackplane _owner;
    private readonly Lock _lock = new();
    private volatile Barrier? _barrier;
    private bool _isKnown;
    private volatile bool _isRetired;

    public RedisShard(RedisShardedBackplane owner, EndPoint endPoint, RedisBackplane backplane, string probe)
    {
        (_owner, EndPoint, Backplane, Probe) = (owner, endPoint, backplane, probe);
        Backplane.Doubted += owner.Doubt;
    }

    public EndPoint EndPoint { get; }

    public RedisBackplane Backplane { get; }

    /// <summary>The channel that proves that this primary delivers: its slot is one of this primary's.</summary>
    public string Probe { get; private set; }

    public bool IsAvailable { get; private set; }

    /// <summary>Why it is away, if it said so.</summary>
    public Exception? Problem { get; private set; }

    /// <summary>When it went away.</summary>
    public DateTimeOffset AwaySince { get; private set; }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await Backplane.StartAsync(this, cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            IsAvailable |= !_isKnown; // it says so itself only if it was away
            _isKnown = true;
        }
    }

    public void MoveProbe(string channel)
    {
        Probe = channel;
        Backplane.MoveProbe(channel);
    }

    /// <inheritdoc cref="EndAsync"/>
    public ValueTask DisposeAsync() => EndAsync(waits: true);

    /// <summary>Ends it for good, with all its subscriptions. What it reports from now on is of no interest.</summary>
    /// <param name="waits">Whether to wait for its answers.</param>
    public ValueTask EndAsync(bool waits)
    {
        _isRetired = true;
        Backplane.Doubted -= _owner.Doubt;
        return waits ? Backplane.DisposeAsync() : Backplane.AbandonAsync();
    }

    public void OnReceived(string channel, ReadOnlyMemory<byte> payload)
    {
        if (_barrier is { } barrier && barrier.Channel == channel)
        {
            barrier.Reached.TrySetResult();
        }
        else
        {
            _owner.Receiver.OnReceived(channel, payload);
        }
    }

    /// <summary>Waits until what was published on another primary before, and what that one passes on to this one, has arrived here.</summary>
    /// <remarks>
    /// A healthy primary that is replaced becomes a replica and still takes messages, which reach its successor in the order in which they
    /// were published. So what was published there last arrives last. A primary that has given its slot away refuses messages and passes
    /// none on.
    /// </remarks>
    public async Task FollowAsync(RedisShard former, string channel, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        var barrier = new Barrier(channel, new(TaskCreationOptions.RunContinuationsAsynchronously));
        _barrier = barrier;
        try
        {
            await Backplane.SubscribeAsync(channel, cancellationToken).ConfigureAwait(false);
            var begun = time.GetTimestamp();
            while (!barrier.Reached.Task.IsCompleted && time.GetElapsedTime(begun) < limit)
            {
                await former.Backplane.PublishAsync(channel, default, cancellationToken).ConfigureAwait(false);
                await Task.WhenAny(barrier.Reached.Task, Task.Delay(BarrierInterval, time, cancellationToken)).ConfigureAwait(false);
            }
        }
        catch (BackplaneUnavailableException)
        {
            // One of the two is away, or the former primary no longer has anything to do with the slot.
        }
        finally
        {
            await Backplane.UnsubscribeAsync(channel, cancellationToken).ConfigureAwait(false);
            _barrier = null;
        }
    }

    public void OnUnavailable(Exception? cause)
    {
        bool isNew;
        lock (_lock)
        {
            isNew = IsAvailable || !_isKnown;
            AwaySince = isNew ? _owner.Now : AwaySince;
            _isKnown = true;
            IsAvailable = false;
            Problem = cause ?? Problem;
        }

        if (!_isRetired)
        {
            _owner.OnAway(this, isNew, cause);
        }
    }

    public void OnAvailable()
    {
        DateTimeOffset since;
        lock (_lock)
        {
            _isKnown = true;
            IsAvailable = true;
            Problem = null;
            since = AwaySince;
        }

        if (!_isRetired)
        {
            _owner.OnBack(this, since);
        }
    }

    public void OnPossibleLoss(string description) => OnPossibleLoss(description, _owner.Now - RedisBackplane.Unnoticed);

    public void OnPossibleLoss(string description, DateTimeOffset since)
    {
        if (!_isRetired)
        {
            _owner.Receiver.OnPossibleLoss($"{EndPoint}: {description}", since);
        }
    }

    public void OnSubscriptionRefused(string channel, BackplaneRefusedException cause)
    {
        if (!_isRetired)
        {
            _owner.OnRefused(this, channel, cause);
        }
    }

    private sealed record Barrier(string Channel, TaskCompletionSource Reached);
}
