using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Looks after all connections of the node in one loop: no timer and no task per connection. Each hub in time for its own limits.</summary>
internal sealed class KeepAlive(
    Hubs hubs,
    ChannelSubscriptions subscriptions,
    IOptions<DistributedWebSocketsOptions> options,
    TimeProvider time,
    DistributedWebSocketsMetrics metrics,
    ConnectionLog log)
{
    private static readonly TimeSpan s_minClose = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Dictionary<HubConnections, long> _lookedAfterAt = [];
    private Task _loop = Task.CompletedTask;

    internal void Start() => _loop = RunAsync(_stopping.Token);

    internal async Task StopAsync()
    {
        await _stopping.CancelAllAsync();
        await _loop;
    }

    /// <summary>How often to look after connections with these options.</summary>
    private static TimeSpan Period(HubOptions options)
    {
        // A quarter of the shortest time, so that none is exceeded by more than a quarter. A very short close timeout alone is no
        // reason to look at all connections more than four times a second.
        var close = options.CloseTimeout > s_minClose ? options.CloseTimeout : s_minClose;
        TimeSpan[] kept = [options.KeepAliveInterval, options.KeepAliveTimeout, options.MessageTimeout, close];
        var idle = options.IdleTimeout == TimeSpan.Zero ? TimeSpan.MaxValue : options.IdleTimeout;
        return (idle < kept.Min() ? idle : kept.Min()) / 4;
    }

    private async Task RunAsync(CancellationToken stopping)
    {
        var period = ShortestPeriod();
        using var timer = new PeriodicTimer(period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping))
            {
                var now = time.GetTimestamp();
                foreach (var hub in hubs.All)
                {
                    // Unless the next look is still in time.
                    if (!_lookedAfterAt.TryGetValue(hub, out var last) || time.GetElapsedTime(last, now) + period > Period(hub.Options))
                    {
                        _lookedAfterAt[hub] = now;
                        LookAfter(hub, now);
                    }
                }

                if (ShortestPeriod() is var shortest && shortest != period)
                {
                    timer.Period = period = shortest; // there is another hub now
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
    }

    private TimeSpan ShortestPeriod()
    {
        var shortest = TimeSpan.MaxValue;
        foreach (var hub in hubs.All)
        {
            var period = Period(hub.Options);
            shortest = period < shortest ? period : shortest;
        }

        return shortest == TimeSpan.MaxValue ? Period(options.Value) : shortest; // of a process that has no hubs yet
    }

    private void LookAfter(HubConnections hub, long now)
    {
        foreach (var connection in hub.All)
        {
            try
            {
                connection.KeepAlive(now);
                if (connection.IsHandlerStuck(now))
                {
                    LetGo(hub, connection);
                }
            }
            catch (Exception exception)
            {
                log.KeepAliveFailed(connection.Id, exception); // the others are looked after all the same
            }
        }
    }

    /// <summary>Ends the session of a connection whose handler does not return, so that nobody takes it for online.</summary>
    private void LetGo(HubConnections hub, Connection connection)
    {
        if (hub.Remove(connection) is not { } channels)
        {
            return; // it has just returned
        }

        foreach (var channel in channels)
        {
            subscriptions.Release(channel);
        }

        metrics.HandlerFailed();
        log.HandlerStuck(connection.Id, hub.Options.CloseTimeout);
    }
}
