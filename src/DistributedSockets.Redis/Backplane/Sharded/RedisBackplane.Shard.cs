using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>What a backplane does besides as one shard of <see cref="RedisShardedBackplane"/>. The plain one needs none of it.</summary>
internal sealed partial class RedisBackplane
{
    private volatile bool _isAbandoned;
    private string? _nextProbe;

    /// <summary>Raised by a shard when slots may have moved.</summary>
    internal event Action? Doubted;

    /// <summary>Has the probe moved to a channel whose slot is here.</summary>
    internal void MoveProbe(string channel)
    {
        Volatile.Write(ref _nextProbe, channel);
        _link.Monitor.CheckNow();
    }

    /// <summary>Has everything looked at now rather than at the next interval.</summary>
    internal void Look()
    {
        _link.Monitor.CheckNow();
        _link.Monitor.RetryNow();
    }

    private async Task AdoptProbeAsync(CancellationToken stop)
    {
        if (Interlocked.Exchange(ref _nextProbe, null) is { } next)
        {
            var former = _probe;
            _probe = Subscription(next, OnProbeReceived, new());
            try
            {
                await former.CloseAsync(stop).ConfigureAwait(false);
            }
            catch (Exception exception) when (RedisErrors.IsOutage(exception, stop))
            {
                // Its server has ended it already.
            }
        }
    }

    /// <summary>Returns when Redis has answered all that was published before, or does not answer.</summary>
    /// <param name="limit">How long to wait for it, all in all.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Whether it answers.</returns>
    internal async Task<bool> FlushAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        try
        {
            if (_link.Current is { } multiplexer)
            {
                var begun = _time.GetTimestamp();
                await _publisher.PassAsync().WaitAsync(limit, _time, cancellationToken).ConfigureAwait(false);
                var left = limit - _time.GetElapsedTime(begun);
                await multiplexer.GetDatabase().PingAsync().WithinAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, _time, cancellationToken).ConfigureAwait(false);
                return true;
            }
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, cancellationToken))
        {
            // Whoever waits for what is not answered now has given up, or will.
        }

        return false;
    }

    /// <summary>Disposes without waiting for answers, which do not come.</summary>
    internal ValueTask AbandonAsync()
    {
        _isAbandoned = true;
        return DisposeAsync();
    }
}
