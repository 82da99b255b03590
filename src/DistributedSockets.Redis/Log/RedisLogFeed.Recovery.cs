using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Restores the subscriptions and looks after them, as <see cref="RedisListenerConnection"/> asks for.</summary>
internal sealed partial class RedisLogFeed
{
    private const int BatchSize = 64;

    private bool _saidEvicts;

    async Task IRedisListener.RestoreAsync(IConnectionMultiplexer multiplexer, bool afresh, CancellationToken stop)
    {
        var server = new RedisLogServer(multiplexer, _channelPrefix);
        _server = server;
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

    async Task<bool> IRedisListener.ProveAsync(IConnectionMultiplexer multiplexer, CancellationToken stop)
    {
        var server = _server!; // set when the subscriptions were restored
        // On a cluster the hubs' own tell more, and this node's is on one of the servers only.
        var probes = server.IsCluster ? _subscribed.Values.Select(static hub => hub.Probe).OfType<RedisLogProbe>() : [];
        return Array.TrueForAll(
            await Task.WhenAll(probes.Prepend(_probe!).Select(probe => probe.ProveAsync(server, RedisListenerConnection.ProofTimeout, stop))).ConfigureAwait(false), // it was ensured before
            static isProven => isProven);
    }

    Task<bool> IRedisListener.TendAsync(IConnectionMultiplexer multiplexer, TransportHold hold, CancellationToken stop)
    {
        hold.ReportProven();

        // Redis ends subscriptions without closing a connection when a slot moves away.
        var subscriber = multiplexer.GetSubscriber();
        return Task.FromResult(_subscribed.Values.All(hub => hub.Subscription?.IsInForce(subscriber) ?? false));
    }

    void IRedisListener.OnLost()
    {
        _probe?.Fail();
        foreach (var hub in _subscribed.Values)
        {
            hub.Probe?.Fail();
        }

        Doubted?.Invoke();
    }

    void IRedisListener.OnMoved()
    {
    }

    void IRedisListener.OnServersChanged() => _link.Monitor.CheckNow();

    void IRedisListener.OnReplaced() => Log.ConnectionReplaced(_logger);

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
