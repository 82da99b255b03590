using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>The log's connection and subscriptions: notices outages and ends them.</summary>
/// <remarks>
/// As with the backplane, "connected" is not "listening": the log counts as available when every hub is confirmed to be subscribed, its end
/// has been asked for, and a marker has come back through a channel of this node's own, on a Redis Cluster one for each hub, with no
/// connection lost meanwhile.
/// </remarks>
internal sealed partial class RedisLogFeed : IRedisListener, IBackplaneReceiver, IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, RedisLogHub> _subscribed = new(StringComparer.Ordinal);
    private readonly RedisInbox _inbox = new();
    private readonly RedisListenerConnection _link;
    private readonly string _channelPrefix;
    private readonly string _probeName;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private IMessageLogReceiver? _receiver;
    private RedisLogProbe? _probe;
    private volatile RedisLogServer? _server;
    private bool _saidRefused;

    public RedisLogFeed(RedisMessageLogOptions options, string prefix, TimeProvider time, ILogger logger)
    {
        _channelPrefix = RedisReach.ChannelPrefix(options.ConnectionString, options.Configuration, options.ConnectionMultiplexer);
        _probeName = RedisBackplane.NewProbe(prefix);
        _timeout = options.OperationTimeout;
        _time = time;
        _logger = logger;
        _link = new RedisListenerConnection(options, this, renewsClusters: true, time);
        _link.Monitor.StateChanged += OnStateChanged;
        _link.Monitor.HoldFailed += OnHoldFailed;
    }

    /// <summary>Raised when the server may be another one, or have forgotten scripts.</summary>
    public event Action? Doubted;

    /// <summary>How often connections have been lost.</summary>
    public int Losses => _link.Monitor.Losses;

    /// <summary>The connection, if it stands.</summary>
    public RedisLogServer? Server => _server is { Multiplexer.IsConnected: true } server && ReferenceEquals(server.Multiplexer, _link.Current) ? server : null;

    /// <summary>Begins to connect. Returns when there is a connection, or when it is known to be away.</summary>
    public async Task StartAsync(IMessageLogReceiver receiver, CancellationToken cancellationToken)
    {
        _receiver = receiver;
        await _link.StartAsync(this, _timeout, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Subscribes to a hub, and asks for its end.</summary>
    /// <exception cref="Exception">It failed, and the hub is not subscribed.</exception>
    public async Task SubscribeAsync(RedisLogHub hub, IMessageLogReceiver receiver, CancellationToken cancellationToken)
    {
        if (_subscribed.ContainsKey(hub.Name))
        {
            return;
        }

        var server = Server ?? throw new RedisConnectionException(ConnectionFailureType.UnableToResolvePhysicalConnection, CommandFlags.None, "Redis is not connected.");
        var losses = _link.Monitor.Losses;
        hub.Open(receiver);
        try
        {
            await EnsureAsync(hub, server, afresh: false, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            hub.Close();
            if (hub.Subscription is not { Withdrawal.IsCompleted: false })
            {
                await CloseAsync(hub, CancellationToken.None).ConfigureAwait(false);
            }

            // Otherwise it is kept for the next attempt, which waits for its end: an unsubscribe and a subscribe must not overlap.
            throw;
        }

        // Known to the recovery only now; if a connection was lost meanwhile, it may have run already, so it is asked to look again.
        _subscribed[hub.Name] = hub;
        if (losses != _link.Monitor.Losses || !ReferenceEquals(Server, server))
        {
            _link.ReportLost(null);
        }
    }

    /// <summary>Ends the subscription to a hub.</summary>
    public async Task UnsubscribeAsync(RedisLogHub hub, CancellationToken cancellationToken)
    {
        if (_subscribed.TryRemove(hub.Name, out _))
        {
            await CloseAsync(hub, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Looks now whether the connection carries anything.</summary>
    public void Doubt() => _link.Monitor.CheckNow();

    public async ValueTask DisposeAsync()
    {
        await _link.StopAsync().ConfigureAwait(false);
        var hubs = _subscribed.Values.ToArray();
        _subscribed.Clear();
        using (var deadline = new CancellationTokenSource(_timeout, _time))
        {
            await Task.WhenAll(hubs.Select(hub => CloseAsync(hub, deadline.Token))).ConfigureAwait(false);
            if (_probe is { } probe)
            {
                await CloseAsync(probe.Subscription, deadline.Token).ConfigureAwait(false);
            }
        }

        await _link.DisposeAsync().ConfigureAwait(false);
    }

    void IBackplaneReceiver.OnReceived(string channel, ReadOnlyMemory<byte> payload)
    {
    }

    void IBackplaneReceiver.OnPossibleLoss(string description)
    {
    }

    void IBackplaneReceiver.OnUnavailable(Exception? cause) => _receiver!.OnUnavailable(cause);

    void IBackplaneReceiver.OnAvailable() => _receiver!.OnAvailable();

    private async Task CloseAsync(RedisLogHub hub, CancellationToken cancellationToken)
    {
        hub.Close();
        var (subscription, probe) = (hub.Subscription, hub.Probe);
        (hub.Subscription, hub.Probe) = (null, null);
        await CloseAsync(subscription, cancellationToken).ConfigureAwait(false);
        await CloseAsync(probe?.Subscription, cancellationToken).ConfigureAwait(false);
    }

    private async Task CloseAsync(RedisSubscription? subscription, CancellationToken cancellationToken)
    {
        try
        {
            if (subscription is not null)
            {
                await subscription.CloseAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, CancellationToken.None))
        {
            Log.UnsubscribeFailed(_logger, subscription!.Channel.ToString(), exception);
        }
    }

    private void OnStateChanged(TransportState before, TransportState state, Exception? cause)
    {
        if (state == TransportState.Available)
        {
            _saidRefused = false;
        }

        switch (state, before)
        {
            case (TransportState.Unavailable, TransportState.Starting):
                Log.NotThereYet(_logger, cause); // the node's start tells of it
                break;
            case (TransportState.Unavailable, _):
                Log.ConnectionLost(_logger, cause);
                break;
            case (_, TransportState.Starting):
                Log.Connected(_logger);
                break;
            default:
                Log.ConnectionRecovered(_logger, _subscribed.Count);
                break;
        }

        _saidRefused |= state == TransportState.Unavailable && RedisErrors.IsRefusal(cause);
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
