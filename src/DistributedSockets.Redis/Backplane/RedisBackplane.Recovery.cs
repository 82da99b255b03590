using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Notices outages and ends them.</summary>
/// <remarks>
/// "Connected" is not "listening": the multiplexer reports a restored connection before its subscriptions are in force. The
/// transport counts as available when every wanted channel is confirmed and a marker has come back through the
/// probe channel, with no connection lost meanwhile.
/// </remarks>
internal sealed partial class RedisBackplane
{
    private const int BatchSize = 256;
    private const int ReplaceAfterUnproven = 5;
    private const int ReplaceAfterAttempts = 5; // a new connection also tells why the old one does not come back, which it does not itself

    /// <summary>How long it may take to notice that nothing is delivered any more.</summary>
    internal static readonly TimeSpan Unnoticed = TimeSpan.FromSeconds(10);

    // Nodes learn of another primary at once from a message of a sentinel, or else when they next ask; and a sentinel may take a while to
    // learn of it. Until all nodes know, those that do and those that do not cannot hear each other.
    internal static readonly TimeSpan AllHaveMoved = TimeSpan.FromSeconds(12);

    private static readonly TimeSpan LivenessInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ProofTimeout = TimeSpan.FromSeconds(5);

    private readonly TransportMonitor _monitor;
    private IConnectionMultiplexer? _attached;
    private bool _saidReplica;
    private bool _saidRefused;
    private volatile RedisProof? _proof;
    private volatile bool _isStale; // whether a connection of the multiplexer was lost, or was never there
    private bool _isUndelivered; // whether the connection was found to stand and to deliver nothing
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
            await RestoreAsync(multiplexer, stop).ConfigureAwait(false);
            if (await ProveAsync(multiplexer.GetSubscriber(), stop).ConfigureAwait(false) && hold.TryReportAvailable())
            {
                _isUndelivered = false;
                await WatchAsync(hold, stop).ConfigureAwait(false);
                return;
            }

            await ReplaceAsync(hold.Attempt).ConfigureAwait(false);
        }
        catch (Exception exception) when (!hold.WasAvailable && RedisErrors.IsOutage(exception, stop))
        {
            await ReplaceAsync(hold.Attempt).ConfigureAwait(false);

            // With RESP2 the connection of the subscriptions may come a moment after that of the commands. That is no outage
            // yet: StartAsync waits for it, and reports one when its time is up.
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
        if (multiplexer.IsConnected && _isStale && !_isShard && _connection.IsOwned && IsCluster(multiplexer))
        {
            // As its connections come back one by one, the multiplexer sends a subscribe over the next one before the last one
            // has answered, and then messages arrive twice. A new multiplexer has nothing to restore.
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

    /// <summary>Looks after the subscriptions for as long as the transport is there.</summary>
    private async Task WatchAsync(TransportHold hold, CancellationToken stop)
    {
        while (await hold.WaitAsync(LivenessInterval, stop).ConfigureAwait(false))
        {
            WarnOfReplica();
            if (!await IsAliveAsync(hold, stop).ConfigureAwait(false))
            {
                _isUndelivered = true;
                throw new TimeoutException($"A marker published to Redis did not come back within {ProofTimeout}.");
            }
        }
    }

    /// <remarks>
    /// The probe comes first: after a reconnect the multiplexer has sent its own subscribes already, so when the probe's is
    /// confirmed theirs are too, and only those that failed are sent again.
    /// </remarks>
    private async Task RestoreAsync(IConnectionMultiplexer multiplexer, CancellationToken stop)
    {
        _isCluster = IsCluster(multiplexer);
        _placement = _isShard ? CommandFlags.NoRedirect
            : multiplexer.GetServers().Length > 1 ? CommandFlags.DemandMaster
            : CommandFlags.None;
        _publisher.Follow(_placement, _isCluster && !_isShard, isCounted: !_isCluster && !_isShard);
        var isMisplaced = _placement == CommandFlags.DemandMaster && IsOnReplica(multiplexer);
        if (isMisplaced)
        {
            NoteMove();
        }

        var afresh = _isUndelivered || _unproven > 1 || isMisplaced;
        var subscriber = multiplexer.GetSubscriber();
        await AdoptProbeAsync(stop).ConfigureAwait(false);
        await _probe.EnsureAsync(subscriber, _placement, afresh, stop).ConfigureAwait(false);
        foreach (var batch in _channels.Chunk(BatchSize))
        {
            await Task.WhenAll(batch.Select(subscription => EnsureOrRefuseAsync(subscription, subscriber, afresh, stop))).ConfigureAwait(false);
        }
    }

    /// <summary>Sees to it that a channel is subscribed. One that Redis refuses does not hold up the others.</summary>
    /// <returns>Whether it is subscribed; else it is not one of ours any more, and that has been reported.</returns>
    private async Task<bool> EnsureOrRefuseAsync(KeyValuePair<string, RedisSubscription> subscription, ISubscriber subscriber, bool afresh, CancellationToken stop)
    {
        try
        {
            await subscription.Value.EnsureAsync(subscriber, _placement, afresh, stop).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception) when (RedisErrors.IsForbidden(exception))
        {
            if (_channels.TryRemove(subscription))
            {
                await CloseAsync(subscription, stop).ConfigureAwait(false);
                _receiver!.OnSubscriptionRefused(subscription.Key, Refused(exception));
            }

            return false;
        }
    }

    private async Task<bool> IsAliveAsync(TransportHold hold, CancellationToken stop)
    {
        try
        {
            if (_connection.Current is not { } multiplexer)
            {
                return false;
            }

            var subscriber = multiplexer.GetSubscriber();
            await AdoptProbeAsync(stop).ConfigureAwait(false);
            await _probe.EnsureAsync(subscriber, _placement, afresh: false, stop).ConfigureAwait(false);
            if (await ProveAsync(subscriber, stop).ConfigureAwait(false))
            {
                await MendAsync(hold, subscriber, stop).ConfigureAwait(false);
                return true;
            }

            return hold.IsLost; // a connection lost meanwhile has been reported already
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, stop))
        {
            return false;
        }
    }

    /// <summary>Subscribes anew what the multiplexer has lost without losing a connection, as when a slot of a cluster moves away and back.</summary>
    private async Task MendAsync(TransportHold hold, ISubscriber subscriber, CancellationToken stop)
    {
        var since = _monitor.ProvenAt - Unnoticed;
        hold.ReportProven();
        var lost = _channels.Where(pair => !pair.Value.IsInForce(subscriber)).ToArray();
        var mended = 0;
        foreach (var batch in lost.Chunk(BatchSize))
        {
            mended += (await Task.WhenAll(batch.Select(MendOneAsync)).ConfigureAwait(false)).Count(static isMended => isMended);
        }

        if (mended > 0)
        {
            Log.SubscriptionsMended(_logger, mended);
            _monitor.ReportPossibleLoss("Redis had ended subscriptions; they have been made again.", since);
        }

        async Task<bool> MendOneAsync(KeyValuePair<string, RedisSubscription> pair)
        {
            try
            {
                return await EnsureOrRefuseAsync(pair, subscriber, afresh: true, stop).ConfigureAwait(false) && _channels.ContainsKey(pair.Key);
            }
            catch (RedisServerException) when (_isShard)
            {
                Doubted?.Invoke(); // its slot is not here any more
                return false;
            }
        }
    }

    private async Task<bool> ProveAsync(ISubscriber subscriber, CancellationToken stop)
    {
        var proof = new RedisProof();
        _proof = proof;
        await subscriber.PublishAsync(_probe.Channel, proof.Marker, _placement).WithinAsync(ProofTimeout, _time, stop).ConfigureAwait(false);
        return await proof.Returned.WaitAsync(ProofTimeout, _time, stop).ConfigureAwait(false);
    }

    /// <summary>
    /// Whether this node listens and publishes on a replica: nodes that are connected to its primary do not hear it.
    /// </summary>
    private bool IsOnReplica(IConnectionMultiplexer multiplexer) =>
        !_isCluster && multiplexer.GetSubscriber().SubscribedEndpoint(_probe.Channel) is { } endPoint && multiplexer.GetServer(endPoint).IsReplica;

    /// <remarks>Where there are several servers, none that is known as a replica takes a publish; where there is one, nothing else is left.</remarks>
    private void WarnOfReplica()
    {
        var isOnReplica = _connection.Current is { } multiplexer && IsOnReplica(multiplexer);
        if (isOnReplica && !_saidReplica)
        {
            Log.OnReplica(_logger);
        }

        _saidReplica = isOnReplica;
    }

    private static bool IsCluster(IConnectionMultiplexer multiplexer) =>
        Array.Exists(multiplexer.GetServers(), static server => server.ServerType == ServerType.Cluster);

    private void OnProbeReceived(string channel, ReadOnlyMemory<byte> payload) => _proof?.Receive(payload.Span);

    private void Attach(IConnectionMultiplexer multiplexer)
    {
        if (!ReferenceEquals(_attached, multiplexer))
        {
            Detach();
            _attached = multiplexer;
            _isStale = !multiplexer.IsConnected;
            multiplexer.ConnectionFailed += OnConnectionFailed;
            multiplexer.ConnectionRestored += OnConnectionRestored;
            multiplexer.ConfigurationChanged += OnConfigurationChanged;
        }
    }

    private void Detach()
    {
        if (_attached is { } multiplexer)
        {
            multiplexer.ConnectionFailed -= OnConnectionFailed;
            multiplexer.ConnectionRestored -= OnConnectionRestored;
            multiplexer.ConfigurationChanged -= OnConfigurationChanged;
            _attached = null;
        }
    }

    // Every kind of connection counts: with RESP3 there is one for all, with RESP2 one carries publishes and one subscriptions.
    private void OnConnectionFailed(object? sender, ConnectionFailedEventArgs args) => OnTrouble(args.Exception);

    private void OnConnectionRestored(object? sender, ConnectionFailedEventArgs args) => _monitor.RetryNow();

    // When a slot moves away, Redis ends its subscriptions. The multiplexer tries to renew them at the same server, and when that fails it
    // looks at its servers again, which it says here.
    private void OnConfigurationChanged(object? sender, EndPointEventArgs args) => Doubted?.Invoke();

    private void OnMoved(string reason)
    {
        NoteMove();
        OnTrouble(new RedisConnectionException(ConnectionFailureType.SocketClosed, CommandFlags.None, reason));
        _monitor.RetryNow();
    }

    private void NoteMove() => _monitor.ReportPossibleLossLater(
        "Redis has another primary; nodes that heard of it earlier or later were not heard.", _time.GetUtcNow() - AllHaveMoved, AllHaveMoved);

    private void OnTrouble(Exception? cause)
    {
        _isStale = true;
        _monitor.ReportLost(cause);
        _proof?.Fail();
    }

    private void OnStateChanged(TransportState before, TransportState state, Exception? cause)
    {
        if (state == TransportState.Available)
        {
            _saidRefused = false;
        }

        if (_isShard)
        {
            return; // whoever it is a shard of says it
        }

        if (state == TransportState.Unavailable)
        {
            if (before == TransportState.Starting)
            {
                Log.NotThereYet(_logger, cause); // the node's start tells of it
            }
            else
            {
                Log.ConnectionLost(_logger, cause);
            }

            _saidRefused |= RedisErrors.IsRefusal(cause);
        }
        else if (before == TransportState.Starting)
        {
            Log.Connected(_logger);
        }
        else
        {
            Log.ConnectionRecovered(_logger, _channels.Count);
        }
    }

    private void OnHoldFailed(int attempt, Exception? cause)
    {
        if (cause is not null && !RedisErrors.IsOutage(cause, CancellationToken.None))
        {
            Log.RecoveryCrashed(_logger, cause);
            return;
        }

        Log.RecoveryFailed(_logger, attempt, cause);
        if (_monitor.State == TransportState.Unavailable && RedisErrors.IsRefusal(cause) && !_saidRefused)
        {
            _saidRefused = true;
            Log.Refused(_logger, cause!);
        }
    }
}
