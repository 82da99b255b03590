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

    // Nodes learn of another primary at once by a sentinel's message, else when they ask or look; and a sentinel may take a while to hear
    // it. Until all have, those who know and those who do not yet do not hear each other.
    internal static readonly TimeSpan AllHaveMoved = TimeSpan.FromSeconds(12);

    private static readonly TimeSpan LivenessInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ProofTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan MinBackOff = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan MaxBackOff = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan MovedInterval = TimeSpan.FromSeconds(1);

    private readonly TaskCompletionSource _firstAttempt = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly AsyncSignal _trouble = new();
    private readonly AsyncSignal _restored = new();
    private readonly Lock _reporting = new();
    private Task? _loop;
    private IConnectionMultiplexer? _attached;
    private bool _saidReplica;
    private volatile RedisProof? _proof;
    private volatile TransportState _state;
    private volatile bool _isStale; // whether a connection of the multiplexer was lost, or was never there
    private bool _refused;
    private DateTimeOffset? _movedSince;
    private long _movedAt;
    private DateTimeOffset _lookedAt;
    private int _losses;

    private enum TransportState
    {
        Starting,
        Available,
        Unavailable,
    }

    private async Task RunAsync(CancellationToken stop)
    {
        var afresh = false;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                _trouble.Reset();
                if (_state != TransportState.Available)
                {
                    await RecoverAsync(afresh, stop).ConfigureAwait(false);
                    afresh = false;
                }

                await _trouble.WaitAsync(_movedSince is null ? LivenessInterval : MovedInterval, _time, stop).ConfigureAwait(false);
                ReportMoved();
                WarnOfReplica();
                if (_state == TransportState.Available && !await IsAliveAsync(stop).ConfigureAwait(false))
                {
                    afresh = true;
                    ReportUnavailable(new TimeoutException($"A marker published to Redis did not come back within {ProofTimeout}."));
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
            }
            catch (Exception exception)
            {
                Log.RecoveryCrashed(_logger, exception);
                ReportUnavailable(exception);
                _restored.Reset();
                await _restored.WaitAsync(MinBackOff, _time, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    private async Task RecoverAsync(bool afresh, CancellationToken stop)
    {
        var backOff = MinBackOff;
        var unproven = 0;
        for (var attempt = 1; ; attempt++)
        {
            Exception? cause = null;
            var connected = false;
            try
            {
                _restored.Reset();
                var losses = Volatile.Read(ref _losses);
                var multiplexer = await _connection.GetAsync().WaitAsync(stop).ConfigureAwait(false);
                Attach(multiplexer);
                connected = multiplexer.IsConnected;
                if (connected && _isStale && !_isShard && _connection.IsOwned && IsCluster(multiplexer))
                {
                    // As its connections come back one by one, the multiplexer sends a subscribe to the next of them before the last one
                    // has answered, and then messages arrive twice. One that connects to all at once has nothing to restore.
                    Detach();
                    await _connection.CloseAsync().ConfigureAwait(false);
                    multiplexer = await _connection.GetAsync().WaitAsync(stop).ConfigureAwait(false);
                    Attach(multiplexer);
                    connected = multiplexer.IsConnected;
                }

                if (!connected)
                {
                    cause = await _connection.WhyDisconnectedAsync(multiplexer).ConfigureAwait(false);
                }
                else
                {
                    unproven++;
                    var servers = multiplexer.GetServers();
                    _isCluster = IsCluster(multiplexer);
                    _placement = _isShard ? CommandFlags.NoRedirect
                        : servers.Length > 1 ? CommandFlags.DemandMaster
                        : CommandFlags.None;
                    var isMisplaced = _placement == CommandFlags.DemandMaster && IsOnReplica(multiplexer);
                    if (isMisplaced)
                    {
                        NoteMove();
                    }

                    await RestoreAsync(multiplexer.GetSubscriber(), afresh || unproven > 1 || isMisplaced, stop).ConfigureAwait(false);
                    if (await ProveAsync(multiplexer.GetSubscriber(), stop).ConfigureAwait(false) && TryReportAvailable(losses))
                    {
                        return;
                    }
                }
            }
            catch (Exception exception) when (RedisErrors.IsOutage(exception, stop))
            {
                cause = exception;
            }

            Log.RecoveryFailed(_logger, attempt, cause);

            // With RESP2 the connection of the subscriptions may come a moment after that of the commands. That is no outage
            // yet: StartAsync waits for it, and reports one when its time is up.
            if (!connected || _state != TransportState.Starting)
            {
                ReportUnavailable(cause);
            }

            if (_connection.IsOwned && (unproven >= ReplaceAfterUnproven || attempt % ReplaceAfterAttempts == 0))
            {
                if (unproven > 0)
                {
                    Log.ConnectionReplaced(_logger);
                }

                unproven = 0;
                Detach();
                await _connection.CloseAsync().ConfigureAwait(false);
            }

            await _restored.WaitAsync(backOff, _time, stop).ConfigureAwait(false);
            backOff = backOff * 2 < MaxBackOff ? backOff * 2 : MaxBackOff;
        }
    }

    /// <remarks>
    /// The probe comes first: after a reconnect the multiplexer has sent its own subscribes already, so when the probe's is
    /// confirmed theirs are too, and only those that failed are sent again.
    /// </remarks>
    private async Task RestoreAsync(ISubscriber subscriber, bool afresh, CancellationToken stop)
    {
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

    private async Task<bool> IsAliveAsync(CancellationToken stop)
    {
        try
        {
            var losses = Volatile.Read(ref _losses);

            if (_connection.Current is not { } multiplexer)
            {
                return false;
            }

            var subscriber = multiplexer.GetSubscriber();
            await AdoptProbeAsync(stop).ConfigureAwait(false);
            await _probe.EnsureAsync(subscriber, _placement, afresh: false, stop).ConfigureAwait(false);
            if (await ProveAsync(subscriber, stop).ConfigureAwait(false))
            {
                await MendAsync(subscriber, stop).ConfigureAwait(false);
                return true;
            }

            return losses != Volatile.Read(ref _losses); // a connection lost meanwhile has been reported already
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, stop))
        {
            return false;
        }
    }

    /// <summary>Subscribes anew what the multiplexer has lost without losing a connection, as when a slot of a cluster moves away and back.</summary>
    private async Task MendAsync(ISubscriber subscriber, CancellationToken stop)
    {
        var since = _lookedAt - Unnoticed;
        _lookedAt = _time.GetUtcNow();
        var lost = _channels.Where(pair => !pair.Value.IsInForce(subscriber)).ToArray();
        var mended = 0;
        foreach (var batch in lost.Chunk(BatchSize))
        {
            mended += (await Task.WhenAll(batch.Select(MendOneAsync)).ConfigureAwait(false)).Count(static isMended => isMended);
        }

        if (mended > 0)
        {
            Log.SubscriptionsMended(_logger, mended);
            _receiver!.OnPossibleLoss("Redis had ended subscriptions; they were made anew.", since);
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

    /// <summary>Has the probe moved to a channel whose slot is here.</summary>
    internal void MoveProbe(string channel)
    {
        Volatile.Write(ref _nextProbe, channel);
        _trouble.Set();
    }

    /// <summary>Has everything looked at now rather than at the next interval.</summary>
    internal void Look()
    {
        _trouble.Set();
        _restored.Set();
    }

    private async Task AdoptProbeAsync(CancellationToken stop)
    {
        if (Interlocked.Exchange(ref _nextProbe, null) is { } next)
        {
            var former = _probe;
            _probe = Subscription(next, OnProbeReceived);
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
        var isOnReplica = _state == TransportState.Available && _connection.Current is { } multiplexer && IsOnReplica(multiplexer);
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

    private void OnConnectionRestored(object? sender, ConnectionFailedEventArgs args) => _restored.Set();

    // When a slot moves away, Redis ends its subscriptions. The multiplexer tries to renew them at the same server, and when that fails it
    // looks at its servers again, which it says here.
    private void OnConfigurationChanged(object? sender, EndPointEventArgs args) => Doubted?.Invoke();

    private void OnMoved(string reason)
    {
        NoteMove();
        OnTrouble(new RedisConnectionException(ConnectionFailureType.SocketClosed, CommandFlags.None, reason));
        _restored.Set();
    }

    private void NoteMove()
    {
        lock (_reporting)
        {
            _movedSince ??= _time.GetUtcNow() - AllHaveMoved;
            _movedAt = _time.GetTimestamp();
        }
    }

    private void ReportMoved()
    {
        lock (_reporting)
        {
            if (_movedSince is { } since && _time.GetElapsedTime(_movedAt) >= AllHaveMoved)
            {
                _movedSince = null;
                _receiver!.OnPossibleLoss("Redis has another primary; nodes that heard of it earlier or later were not heard.", since);
            }
        }
    }

    private void OnTrouble(Exception? cause)
    {
        _isStale = true;
        lock (_reporting)
        {
            _losses++;
            if (_state == TransportState.Available)
            {
                ReportUnavailable(cause);
            }
        }

        _proof?.Fail();
        _trouble.Set();
    }

    private void ReportUnavailable(Exception? cause)
    {
        lock (_reporting)
        {
            if (_stop.IsCancellationRequested)
            {
                return;
            }

            if (_state != TransportState.Unavailable)
            {
                _state = TransportState.Unavailable;
                if (!_isShard)
                {
                    Log.ConnectionLost(_logger, cause);
                }

                _receiver!.OnUnavailable(cause);
            }
            else if (cause is not null)
            {
                if (RedisErrors.IsRefusal(cause) && !_refused)
                {
                    Log.Refused(_logger, cause);
                }

                _receiver!.OnUnavailable(cause);
            }

            _refused |= RedisErrors.IsRefusal(cause);
        }

        _firstAttempt.TrySetResult();
    }

    /// <returns><see langword="false"/> if a connection was lost after <paramref name="losses"/> was read.</returns>
    private bool TryReportAvailable(int losses)
    {
        lock (_reporting)
        {
            if (losses != _losses)
            {
                return false;
            }

            _refused = false;
            var wasAway = _state == TransportState.Unavailable;
            _state = TransportState.Available;
            _lookedAt = _time.GetUtcNow();
            if (wasAway)
            {
                if (!_isShard)
                {
                    Log.ConnectionRecovered(_logger, _channels.Count);
                }

                _receiver!.OnAvailable();
            }
            else if (!_isShard)
            {
                Log.Connected(_logger);
            }
        }

        _firstAttempt.TrySetResult();
        return true;
    }
}
