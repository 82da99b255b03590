using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>What is subscribed over a <see cref="RedisListenerConnection"/>.</summary>
internal interface IRedisListener
{
    /// <summary>Subscribes all that is wanted.</summary>
    /// <param name="multiplexer">The connection, which may be another one than before.</param>
    /// <param name="afresh">Whether to subscribe anew also what seems to be in force.</param>
    /// <param name="stop">Ends the attempt.</param>
    Task RestoreAsync(IConnectionMultiplexer multiplexer, bool afresh, CancellationToken stop);

    /// <summary>Publishes a marker to this listener alone.</summary>
    /// <returns>Whether it came back; <see langword="false"/> if the connection was lost meanwhile.</returns>
    Task<bool> ProveAsync(IConnectionMultiplexer multiplexer, CancellationToken stop);

    /// <summary>Looks after the subscriptions, just after a marker has come back.</summary>
    /// <returns>Whether all is well, or has been mended.</returns>
    Task<bool> TendAsync(IConnectionMultiplexer multiplexer, TransportHold hold, CancellationToken stop);

    /// <summary>Ends a proof that is under way: the connection was lost.</summary>
    void OnLost();

    /// <summary>Redis has another primary. Called before the connection is given up.</summary>
    void OnMoved();

    /// <summary>The multiplexer has looked at its servers again, as slots may have moved.</summary>
    void OnServersChanged();

    /// <summary>A connection that stands and delivers nothing is replaced.</summary>
    void OnReplaced();
}
