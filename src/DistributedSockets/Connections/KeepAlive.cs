using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Looks after all connections of the node in one loop: no timer and no task per connection.</summary>
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
    private Task _loop = Task.CompletedTask;

    internal void Start() => _loop = RunAsync(_stopping.Token);

    internal async Task StopAsync()
    {
        await _stopping.CancelAllAsync();
        await _loop;
    }

    private async Task RunAsync(CancellationToken stopping)
    {
        // A quarter of the shortest time, so that none is exceeded by more than a quarter. A very short close timeout alone is no
        // reason to look at all connections more than four times a second.
        var close = options.Value.CloseTimeout > s_minClose ? options.Value.CloseTimeout : s_minClose;
        TimeSpan[] kept = [options.Value.KeepAliveInterval, options.Value.KeepAliveTimeout, options.Value.MessageTimeout, close];
        var idle = options.Value.IdleTimeout == TimeSpan.Zero ? TimeSpan.MaxValue : options.Value.IdleTimeout;
        using var timer = new PeriodicTimer((idle < kept.Min() ? idle : kept.Min()) / 4, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping))
            {
                var now = time.GetTimestamp();
                foreach (var hub in hubs.All)
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
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
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
        log.HandlerStuck(connection.Id, options.Value.CloseTimeout);
    }
}
