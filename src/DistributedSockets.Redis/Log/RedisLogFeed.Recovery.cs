using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Restores the subscriptions, and watches over them.</summary>
internal sealed partial class RedisLogFeed
{
    private const int BatchSize = 64;
    private const int ReplaceAfterUnproven = 5;
    private const int ReplaceAfterAttempts = 5;

    private static readonly TimeSpan LivenessInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ProofTimeout = TimeSpan.FromSeconds(5);

    private bool _isUndelivered; // whether the connection was found to stand and to deliver nothing
    private bool _saidEvicts;
    private int _unproven;

    private async Task HoldAsync(TransportHold hold, CancellationToken stop)
    {
        var isConnected = false;
        try
        {
            _unproven = hold.Attempt == 1 ? 0 : _unproven;
            var multiplexer = await OpenAsync(stop).ConfigureAwait(false);
            isConnected = multiplexer.IsConnected;
            if (!isConnected)
            {
                throw await _connection.WhyDisconnectedAsync(multiplexer).ConfigureAwait(false)
                    ?? new RedisConnectionException(ConnectionFailureType.UnableToConnect, CommandFlags.None, "Redis is not connected.");
            }

            _unproven++;
            var server = new RedisLogServer(multiplexer, _channelPrefix);
            _server = server;
            await RestoreAsync(server, stop).ConfigureAwait(false);
            if (await ProveAsync(server, stop).ConfigureAwait(false) && hold.TryReportAvailable())
            {
                _isUndelivered = false;
                await WatchAsync(hold, server, stop).ConfigureAwait(false);
                return;
            }

            await ReplaceAsync(hold.Attempt).ConfigureAwait(false);
        }
        catch (Exception exception) when (!hold.WasAvailable && RedisErrors.IsOutage(exception, stop))
        {
            await ReplaceAsync(hold.Attempt).ConfigureAwait(false);

            // With RESP2 the connection of the subscriptions may come a moment after that of the commands. That is no outage yet:
            // StartAsync waits for it, and reports one when its time is up.
            if (!isConnected || _monitor.State != TransportState.Starting)
            {
                throw;
            }
        }
    }

    private async Task<IConnectionMultiplexer> OpenAsync(CancellationToken stop)
    {
        var multiplexer = await _connection.GetAsync().WaitAsync(stop).ConfigureAwait(false);
        Attach(multiplexer);
        if (multiplexer.IsConnected && _isStale && _connection.IsOwned
            && Array.Exists(multiplexer.GetServers(), static server => server.ServerType == ServerType.Cluster))
        {
            // As its connections come back one by one, the multiplexer may subscribe at two of them, and then entries arrive twice. A new
            // multiplexer has nothing to restore.
            Detach();
            await _connection.CloseAsync().ConfigureAwait(false);
            multiplexer = await _connection.GetAsync().WaitAsync(stop).ConfigureAwait(false);
            Attach(multiplexer);
        }

        return multiplexer;
    }

    /// <summary>Has the next attempt open a new connection, if those over the old one have failed too often.</summary>
    private async Task ReplaceAsync(int attempt)
    {
        if (!_connection.IsOwned || (_unproven < ReplaceAfterUnproven && attempt % ReplaceAfterAttempts != 0))
        {
            return;
        }

        if (_unproven > 0)
        {
            Log.ConnectionReplaced(_logger);
        }

        _unproven = 0;
        Detach();
        await _connection.CloseAsync().ConfigureAwait(false);
    }

    private async Task RestoreAsync(RedisLogServer server, CancellationToken stop)
    {
        var afresh = _isUndelivered || _unproven > 1;
        _probe = await EnsureAsync(_probe, _probeName, server, afresh, stop).ConfigureAwait(false);
        await WarnOfEvictionAsync(server, stop).ConfigureAwait(false);
        foreach (var batch in _subscribed.Values.Chunk(BatchSize))
        {
            await Task.WhenAll(batch.Select(hub => EnsureAsync(hub, server, afresh, stop))).ConfigureAwait(false);
        }
    }

    /// <remarks>The end comes last: what is appended behind it is received.</remarks>
    private async Task EnsureAsync(RedisLogHub hub, RedisLogServer server, bool afresh, CancellationToken cancellationToken)
    {
        var channel = server.ChannelOf(hub.Keys.Channel);
        if (hub.Subscription is { } known && known.Channel != channel)
        {
            hub.Subscription = null;
            await CloseAsync(known, cancellationToken).ConfigureAwait(false);
        }

        hub.Subscription ??= new(hub.Keys.Channel, channel, (_, message) => hub.OnReceived(message), _inbox, _timeout, _time);
        await hub.Subscription.EnsureAsync(server.Subscriber, server.Placement, afresh, cancellationToken).ConfigureAwait(false);
        if (server.IsCluster)
        {
            hub.Probe = await EnsureAsync(hub.Probe, hub.Keys.Probe, server, afresh, cancellationToken).ConfigureAwait(false);
        }

        await RedisLogCalls.EndAsync(hub, server, hub.Retention!).WithinAsync(_timeout, _time, cancellationToken).ConfigureAwait(false); // set before it is subscribed
    }

    private async Task<RedisLogProbe> EnsureAsync(RedisLogProbe? probe, string name, RedisLogServer server, bool afresh, CancellationToken cancellationToken)
    {
        var channel = server.ChannelOf(name);
        if (probe is not null && probe.Subscription.Channel != channel)
        {
            await CloseAsync(probe.Subscription, cancellationToken).ConfigureAwait(false);
            probe = null;
        }

        probe ??= new(name, channel, _timeout, _time);
        await probe.Subscription.EnsureAsync(server.Subscriber, server.Placement, afresh, cancellationToken).ConfigureAwait(false);
        return probe;
    }

    private async Task<bool> ProveAsync(RedisLogServer server, CancellationToken stop)
    {
        // On a cluster the hubs' own tell more, and this node's is on one of the servers only.
        var probes = server.IsCluster ? _subscribed.Values.Select(static hub => hub.Probe).OfType<RedisLogProbe>() : [];
        return Array.TrueForAll(
            await Task.WhenAll(probes.Prepend(_probe!).Select(probe => probe.ProveAsync(server, ProofTimeout, stop))).ConfigureAwait(false), // it was ensured before
            static isProven => isProven);
    }

    /// <summary>Looks after the subscriptions for as long as the connection is there.</summary>
    private async Task WatchAsync(TransportHold hold, RedisLogServer server, CancellationToken stop)
    {
        while (await hold.WaitAsync(LivenessInterval, stop).ConfigureAwait(false))
        {
            if (!await IsAliveAsync(hold, server, stop).ConfigureAwait(false))
            {
                _isUndelivered = true;
                throw new TimeoutException($"A marker published to Redis did not come back within {ProofTimeout}, or Redis had ended a subscription.");
            }
        }
    }

    private async Task<bool> IsAliveAsync(TransportHold hold, RedisLogServer server, CancellationToken stop)
    {
        try
        {
            if (await ProveAsync(server, stop).ConfigureAwait(false))
            {
                hold.ReportProven();

                // Redis ends subscriptions without closing a connection when a slot moves away.
                return _subscribed.Values.All(hub => hub.Subscription?.IsInForce(server.Subscriber) ?? false);
            }

            return hold.IsLost; // a connection lost meanwhile has been reported already
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, stop))
        {
            return false;
        }
    }

    /// <remarks>A log of which single keys vanish cannot tell what it lacks, so it tells of gaps everywhere.</remarks>
    private async Task WarnOfEvictionAsync(RedisLogServer server, CancellationToken stop)
    {
        try
        {
            if (_saidEvicts || Array.Find(server.Multiplexer.GetServers(), static one => one is { IsConnected: true, IsReplica: false }) is not { } primary)
            {
                return;
            }

            var memory = await primary.InfoRawAsync("memory").WithinAsync(_timeout, _time, stop).ConfigureAwait(false) ?? "";
            if (!memory.Contains("maxmemory:0\r", StringComparison.Ordinal)
                && memory.Contains("maxmemory_policy:", StringComparison.Ordinal) && !memory.Contains("maxmemory_policy:noeviction", StringComparison.Ordinal))
            {
                _saidEvicts = true;
                Log.MayEvict(_logger);
            }
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, stop))
        {
            // It may not be asked.
        }
    }
}
