using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>The connection of a listener: opened, watched, and opened anew when it does not deliver, for as long as it takes.</summary>
/// <remarks>
/// "Connected" is not "listening": the multiplexer reports a restored connection before its subscriptions are in force. The connection
/// counts as available when the listener has restored its subscriptions and a marker has come back to it, with no connection lost meanwhile.
/// </remarks>
internal sealed class RedisListenerConnection : IAsyncDisposable
{
    /// <summary>How long a marker may be on its way.</summary>
    internal static readonly TimeSpan ProofTimeout = TimeSpan.FromSeconds(5);

    private const int ReplaceAfterUnproven = 5;
    private const int ReplaceAfterAttempts = 5; // a new connection also tells why the old one does not come back, which it does not itself

    private static readonly TimeSpan s_livenessInterval = TimeSpan.FromSeconds(5);

    private readonly IRedisListener _listener;
    private readonly bool _renewsClusters;
    private IConnectionMultiplexer? _attached;
    private volatile RedisSockets? _sockets; // of the attempt under way, or of the one that has succeeded
    private volatile bool _isStale; // whether a connection of the multiplexer was lost, or was never there
    private bool _isUndelivered; // whether the connection was found to stand and to deliver nothing
    private int _unproven;

    /// <param name="options">Where Redis is.</param>
    /// <param name="listener">What is subscribed.</param>
    /// <param name="renewsClusters">Whether a Redis Cluster that was lost gets a new multiplexer; not needed where it leads to one server of it.</param>
    /// <param name="time">The clock.</param>
    public RedisListenerConnection(IRedisConnectionOptions options, IRedisListener listener, bool renewsClusters, TimeProvider time)
    {
        (_listener, _renewsClusters) = (listener, renewsClusters);
        Connection = new RedisConnection(options, time);
        Connection.Moved += OnMoved;
        Monitor = new TransportMonitor(HoldAsync, time);
    }

    public RedisConnection Connection { get; }

    public TransportMonitor Monitor { get; }

    /// <summary>The multiplexer, once it has been opened; it may be disconnected.</summary>
    public IConnectionMultiplexer? Current => Connection.Current;

    /// <summary>Begins to connect. Returns when there is a connection, or when it is known to be away.</summary>
    public async Task StartAsync(IBackplaneReceiver receiver, TimeSpan patience, CancellationToken cancellationToken)
    {
        Monitor.Start(receiver);
        await Monitor.WaitForFirstReportAsync(patience, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Notes that the connection was lost, or may have been.</summary>
    public void ReportLost(Exception? cause)
    {
        _isStale = true;
        _sockets = null; // before the report, upon which the next attempt notes its own
        Monitor.ReportLost(cause);
        _listener.OnLost();
    }

    /// <summary>Ends the watch; the connection stays, for the listener to close what is subscribed.</summary>
    public async Task StopAsync()
    {
        await Monitor.DisposeAsync().ConfigureAwait(false);
        Detach();
    }

    public ValueTask DisposeAsync() => Connection.DisposeAsync();

    internal static bool IsCluster(IConnectionMultiplexer multiplexer) =>
        Array.Exists(multiplexer.GetServers(), static server => server.ServerType == ServerType.Cluster);

    private async Task HoldAsync(TransportHold hold, CancellationToken stop)
    {
        var isConnected = false;
        try
        {
            _sockets = null;
            _unproven = hold.Attempt == 1 ? 0 : _unproven;
            var multiplexer = await OpenAsync(stop).ConfigureAwait(false);
            isConnected = multiplexer.IsConnected;
            if (!isConnected)
            {
                throw await Connection.WhyDisconnectedAsync(multiplexer).ConfigureAwait(false)
                    ?? new RedisConnectionException(ConnectionFailureType.UnableToConnect, CommandFlags.None, "Redis is not connected.");
            }

            _unproven++;
            var sockets = new RedisSockets(multiplexer);
            _sockets = sockets;
            await _listener.RestoreAsync(multiplexer, afresh: _isUndelivered || _unproven > 1, stop).ConfigureAwait(false);
            if (await _listener.ProveAsync(multiplexer, stop).ConfigureAwait(false) && !sockets.AreReplaced() && hold.TryReportAvailable())
            {
                _isUndelivered = false;
                await WatchAsync(multiplexer, hold, stop).ConfigureAwait(false);
                return;
            }

            await ReplaceAsync(hold.Attempt).ConfigureAwait(false);
        }
        catch (Exception exception) when (!hold.WasAvailable && RedisErrors.IsOutage(exception, stop))
        {
            await ReplaceAsync(hold.Attempt).ConfigureAwait(false);

            // With RESP2 the connection of the subscriptions may come a moment after that of the commands. That is no outage yet:
            // StartAsync waits for it, and reports one when its time is up.
            if (!isConnected || Monitor.State != TransportState.Starting)
            {
                throw;
            }
        }
    }

    private async Task<IConnectionMultiplexer> OpenAsync(CancellationToken stop)
    {
        var multiplexer = await Connection.GetAsync().WaitAsync(stop).ConfigureAwait(false);
        Attach(multiplexer);
        if (multiplexer.IsConnected && _isStale && _renewsClusters && Connection.IsOwned && IsCluster(multiplexer))
        {
            // As its connections come back one by one, the multiplexer sends a subscribe over the next one before the last one
            // has answered, and then messages arrive twice. A new multiplexer has nothing to restore.
            Detach();
            await Connection.CloseAsync().ConfigureAwait(false);
            multiplexer = await Connection.GetAsync().WaitAsync(stop).ConfigureAwait(false);
            Attach(multiplexer);
        }

        return multiplexer;
    }

    /// <summary>Has the next attempt open a new connection, if those over the old one have failed too often.</summary>
    private async Task ReplaceAsync(int attempt)
    {
        if (!Connection.IsOwned || (_unproven < ReplaceAfterUnproven && attempt % ReplaceAfterAttempts != 0))
        {
            return;
        }

        if (_unproven > 0)
        {
            _listener.OnReplaced();
        }

        _unproven = 0;
        Detach();
        await Connection.CloseAsync().ConfigureAwait(false);
    }

    /// <summary>Looks after the subscriptions for as long as the connection is there.</summary>
    private async Task WatchAsync(IConnectionMultiplexer multiplexer, TransportHold hold, CancellationToken stop)
    {
        while (await hold.WaitAsync(s_livenessInterval, stop).ConfigureAwait(false))
        {
            if (ReportReplaced())
            {
                return;
            }

            if (!await IsAliveAsync(multiplexer, hold, stop).ConfigureAwait(false))
            {
                _isUndelivered = true;
                throw new TimeoutException($"A marker published to Redis did not come back within {ProofTimeout}, or Redis had ended a subscription.");
            }
        }
    }

    private async Task<bool> IsAliveAsync(IConnectionMultiplexer multiplexer, TransportHold hold, CancellationToken stop)
    {
        try
        {
            return await _listener.ProveAsync(multiplexer, stop).ConfigureAwait(false)
                ? await _listener.TendAsync(multiplexer, hold, stop).ConfigureAwait(false)
                : hold.IsLost; // a connection lost meanwhile has been reported already
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, stop))
        {
            return false;
        }
    }

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
    private void OnConnectionFailed(object? sender, ConnectionFailedEventArgs args) => ReportLost(args.Exception);

    private void OnConnectionRestored(object? sender, ConnectionFailedEventArgs args)
    {
        ReportReplaced();
        Monitor.RetryNow();
    }

    /// <summary>Reports a loss that the multiplexer has not told of. It is over already, but nothing tells when it was.</summary>
    private bool ReportReplaced()
    {
        if (_sockets?.AreReplaced() != true)
        {
            return false;
        }

        if (Monitor.State == TransportState.Available)
        {
            Monitor.ReportPossibleLoss("A connection to Redis was lost and is back.", Monitor.ProvenAt);
        }

        ReportLost(new RedisConnectionException(ConnectionFailureType.SocketClosed, CommandFlags.None, "A connection to Redis was lost and is back."));
        return true;
    }

    // When a slot moves away, Redis ends its subscriptions. The multiplexer tries to renew them at the same server, and when that fails it
    // looks at its servers again, which it says here.
    private void OnConfigurationChanged(object? sender, EndPointEventArgs args) => _listener.OnServersChanged();

    private void OnMoved(string reason)
    {
        _listener.OnMoved();
        ReportLost(new RedisConnectionException(ConnectionFailureType.SocketClosed, CommandFlags.None, reason));
        Monitor.RetryNow();
    }
}
