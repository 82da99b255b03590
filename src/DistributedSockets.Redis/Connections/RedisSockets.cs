using System.Net;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>How many sockets each connection of a multiplexer has used so far, which shows whether one has been replaced.</summary>
/// <remarks>
/// The multiplexer opens the next socket before it tells that the last one has failed. If the new one is ready by then, as can happen on a busy
/// machine, it does not tell when that one fails. So its events alone leave a loss unseen.
/// </remarks>
internal sealed class RedisSockets
{
    private readonly IConnectionMultiplexer _multiplexer;
    private readonly Lock _lock = new();
    private readonly Dictionary<(EndPoint Server, ConnectionType Type), long> _used = [];

    /// <summary>Notes what is in use now.</summary>
    public RedisSockets(IConnectionMultiplexer multiplexer)
    {
        _multiplexer = multiplexer;
        AreReplaced();
    }

    /// <summary>Whether a connection has another socket than at the last look. What is new since then is noted for the next look.</summary>
    public bool AreReplaced()
    {
        lock (_lock)
        {
            var areReplaced = false;
            foreach (var server in _multiplexer.GetServers())
            {
                var (counters, isConnected) = (server.GetCounters(), server.IsConnected);
                areReplaced |= IsReplacedLocked((server.EndPoint, ConnectionType.Interactive), counters.Interactive.SocketCount, isConnected)
                    | IsReplacedLocked((server.EndPoint, ConnectionType.Subscription), counters.Subscription.SocketCount, isConnected);
            }

            return areReplaced;
        }
    }

    /// <remarks>A server that is away is tried again and again; until it is there, it has nothing to lose.</remarks>
    private bool IsReplacedLocked((EndPoint Server, ConnectionType Type) connection, long used, bool isConnected)
    {
        if (!_used.TryGetValue(connection, out var before))
        {
            if (isConnected)
            {
                _used.Add(connection, used);
            }

            return false;
        }

        _used[connection] = used;
        return used > Math.Max(before, 1); // the first socket replaces none
    }
}
