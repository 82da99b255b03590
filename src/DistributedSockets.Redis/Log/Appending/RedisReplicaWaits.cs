using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Waits until replicas have what was written to a hub's log. While one wait is under way the next ones become one.</summary>
/// <param name="key">A key of the log: the server that has it is the one to ask.</param>
/// <param name="count">How many replicas must have it.</param>
/// <param name="timeout">For how long.</param>
/// <remarks>Redis carries out nothing else on a connection that waits, so there must not be one wait for each append.</remarks>
internal sealed class RedisReplicaWaits(RedisKey key, int count, TimeSpan timeout)
{
    private readonly Lock _gate = new();
    private (TaskCompletionSource<long> Answer, RedisLogServer Server)? _next;
    private bool _isWaiting;

    /// <summary>How many replicas must have it.</summary>
    public int Count => count;

    /// <summary>Waits until replicas have what was written over a connection until now.</summary>
    /// <returns>How many have it.</returns>
    public Task<long> WaitAsync(RedisLogServer server)
    {
        TaskCompletionSource<long> own;
        lock (_gate)
        {
            own = _next?.Answer ?? new(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_isWaiting)
            {
                _next = (own, server);
                return own.Task;
            }

            _isWaiting = true;
        }

        _ = RunAsync((own, server));
        return own.Task;
    }

    private async Task RunAsync((TaskCompletionSource<long> Answer, RedisLogServer Server)? wait)
    {
        while (wait is { } current)
        {
            try
            {
                current.Answer.TrySetResult(await AskAsync(current.Server).ConfigureAwait(false));
            }
            catch (Exception exception)
            {
                current.Answer.TrySetException(exception);
            }

            lock (_gate)
            {
                (wait, _next) = (_next, null);
                _isWaiting = wait is not null;
            }
        }
    }

    /// <remarks>It has to be the connection over which was written.</remarks>
    private async Task<long> AskAsync(RedisLogServer server)
    {
        var endPoint = await server.Database.IdentifyEndpointAsync(key, CommandFlags.DemandMaster).ConfigureAwait(false)
            ?? throw new RedisConnectionException(ConnectionFailureType.UnableToResolvePhysicalConnection, CommandFlags.None, "Redis is not connected.");
        return (long)await server.Multiplexer.GetServer(endPoint).ExecuteAsync("WAIT", count, (long)timeout.TotalMilliseconds).ConfigureAwait(false);
    }
}
