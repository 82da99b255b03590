using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Restores the subscriptions and looks after them, as <see cref="RedisListenerConnection"/> asks for.</summary>
internal sealed partial class RedisBackplane
{
    private const int BatchSize = 256;

    /// <summary>How long it may take to notice that nothing is delivered any more.</summary>
    internal static readonly TimeSpan Unnoticed = TimeSpan.FromSeconds(10);

    // Nodes learn of another primary at once from a message of a sentinel, or else when they next ask; and a sentinel may take a while to
    // learn of it. Until all nodes know, those that do and those that do not cannot hear each other.
    internal static readonly TimeSpan AllHaveMoved = TimeSpan.FromSeconds(12);

    private bool _saidReplica;
    private bool _saidRefused;
    private volatile RedisProof? _proof;

    /// <remarks>
    /// The probe comes first: after a reconnect the multiplexer has sent its own subscribes already, so when the probe's is
    /// confirmed theirs are too, and only those that failed are sent again.
    /// </remarks>
    async Task IRedisListener.RestoreAsync(IConnectionMultiplexer multiplexer, bool afresh, CancellationToken stop)
    {
        _isCluster = RedisListenerConnection.IsCluster(multiplexer);
        _placement = _isShard ? CommandFlags.NoRedirect
            : multiplexer.GetServers().Length > 1 ? CommandFlags.DemandMaster
            : CommandFlags.None;
        _publisher.Follow(_placement, _isCluster && !_isShard, isCounted: !_isCluster && !_isShard);
        var isMisplaced = _placement == CommandFlags.DemandMaster && IsOnReplica(multiplexer);
        if (isMisplaced)
        {
            NoteMove();
        }

        afresh |= isMisplaced;
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

    async Task<bool> IRedisListener.ProveAsync(IConnectionMultiplexer multiplexer, CancellationToken stop)
    {
        var subscriber = multiplexer.GetSubscriber();
        await AdoptProbeAsync(stop).ConfigureAwait(false);
        await _probe.EnsureAsync(subscriber, _placement, afresh: false, stop).ConfigureAwait(false);
        var proof = new RedisProof();
        _proof = proof;
        await subscriber.PublishAsync(_probe.Channel, proof.Marker, _placement).WithinAsync(RedisListenerConnection.ProofTimeout, _time, stop).ConfigureAwait(false);
        return await proof.Returned.WaitAsync(RedisListenerConnection.ProofTimeout, _time, stop).ConfigureAwait(false);
    }

    async Task<bool> IRedisListener.TendAsync(IConnectionMultiplexer multiplexer, TransportHold hold, CancellationToken stop)
    {
        WarnOfReplica(multiplexer);
        await MendAsync(hold, multiplexer.GetSubscriber(), stop).ConfigureAwait(false);
        return true;
    }

    void IRedisListener.OnLost() => _proof?.Fail();

    void IRedisListener.OnMoved() => NoteMove();

    void IRedisListener.OnServersChanged() => Doubted?.Invoke();

    void IRedisListener.OnReplaced() => Log.ConnectionReplaced(_logger);

    /// <summary>Subscribes anew what the multiplexer has lost without losing a connection, as when a slot of a cluster moves away and back.</summary>
    private async Task MendAsync(TransportHold hold, ISubscriber subscriber, CancellationToken stop)
    {
        var since = _link.Monitor.ProvenAt - Unnoticed;
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
            _link.Monitor.ReportPossibleLoss("Redis had ended subscriptions; they have been made again.", since);
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

    /// <summary>
    /// Whether this node listens and publishes on a replica: nodes that are connected to its primary do not hear it.
    /// </summary>
    private bool IsOnReplica(IConnectionMultiplexer multiplexer) =>
        !_isCluster && multiplexer.GetSubscriber().SubscribedEndpoint(_probe.Channel) is { } endPoint && multiplexer.GetServer(endPoint).IsReplica;

    /// <remarks>Where there are several servers, none that is known as a replica takes a publish; where there is one, nothing else is left.</remarks>
    private void WarnOfReplica(IConnectionMultiplexer multiplexer)
    {
        var isOnReplica = IsOnReplica(multiplexer);
        if (isOnReplica && !_saidReplica)
        {
            Log.OnReplica(_logger);
        }

        _saidReplica = isOnReplica;
    }

    private void OnProbeReceived(string channel, ReadOnlyMemory<byte> payload) => _proof?.Receive(payload.Span);

    private void NoteMove() => _link.Monitor.ReportPossibleLossLater(
        "Redis has another primary; nodes that heard of it earlier or later were not heard.", _time.GetUtcNow() - AllHaveMoved, AllHaveMoved);

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
        if (_link.Monitor.State == TransportState.Unavailable && RedisErrors.IsRefusal(cause) && !_saidRefused)
        {
            _saidRefused = true;
            Log.Refused(_logger, cause!);
        }
    }
}
