using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Redis pub/sub as the backplane.</summary>
/// <remarks>
/// On a Redis Cluster the receiver count is that of one cluster node only, so none is returned.
/// One that is a shard leads to one primary of a Redis Cluster and uses sharded pub/sub; <see cref="RedisShardedBackplane"/> gives it the
/// channels of the slots that this primary owns, and takes them away again.
/// </remarks>
internal sealed partial class RedisBackplane : IBackplane, IRedisListener
{
    private readonly ConcurrentDictionary<string, RedisSubscription> _channels = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, RedisSubscription> _withdrawing = new(StringComparer.Ordinal);
    private readonly RedisListenerConnection _link;
    private readonly bool _isShard;
    private volatile bool _isDisposed;
    private readonly TimeSpan _timeout;
    private readonly RedisPublisher _publisher;
    private readonly RedisInbox _inbox = new();
    private readonly Action<string, ReadOnlyMemory<byte>> _onReceived;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly RareLog _failedLog;
    private readonly Lock _disposing = new();
    private IBackplaneReceiver? _receiver;
    private Task? _disposal;
    private volatile RedisSubscription _probe;
    private volatile bool _isCluster;
    private volatile CommandFlags _placement;

    public RedisBackplane(
        IOptions<RedisBackplaneOptions> options,
        IOptions<DistributedWebSocketsClusterOptions> clusterOptions,
        TimeProvider time,
        ILogger<RedisBackplane>? logger = null)
        : this(options.Value, NewProbe(clusterOptions.Value.Prefix), isShard: false, time, logger ?? NullLogger<RedisBackplane>.Instance)
    {
        Reach = RedisReach.Of(options.Value);
    }

    internal RedisBackplane(RedisBackplaneOptions options, string probe, bool isShard, TimeProvider time, ILogger logger)
    {
        _isShard = isShard;
        _placement = isShard ? CommandFlags.NoRedirect : CommandFlags.None;
        _timeout = options.OperationTimeout;
        _time = time;
        _failedLog = new(1, time);
        _logger = new FailSafeLogger(logger);
        _link = new RedisListenerConnection(options, this, renewsClusters: !isShard, time);
        _link.Monitor.StateChanged += OnStateChanged;
        _link.Monitor.HoldFailed += OnHoldFailed;
        _onReceived = OnReceived;
        _publisher = new RedisPublisher(_link.Connection, options, _placement, PublishFailure, time);
        _probe = Subscription(probe, OnProbeReceived, new()); // its own inbox: however much arrives, the marker is not held up
    }

    public string System => "redis";

    public string? Reach { get; }

    public async ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        _receiver = receiver;
        await _link.StartAsync(receiver, _timeout, cancellationToken).ConfigureAwait(false);
    }

    public ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<PublishResult>(cancellationToken);
        }

        try
        {
            ConnectedMultiplexer("the message was not published");
            return new(_publisher.PublishAsync(ChannelOf(channel), payload.Span, cancellationToken));
        }
        catch (Exception exception) when (exception is BackplaneUnavailableException or ObjectDisposedException)
        {
            return ValueTask.FromException<PublishResult>(exception);
        }
    }

    private Exception PublishFailure(Exception exception)
    {
        if (RedisErrors.IsForbidden(exception))
        {
            return new BackplaneRefusedException(
                $"Redis refused a message: {exception.Message} Connections on this node were served. Give the Redis user the permission to publish there.", exception);
        }

        if (!RedisErrors.IsOutage(exception, CancellationToken.None))
        {
            return exception;
        }

        // The connection may stand and yet carry nothing: see to it now rather than at the next check.
        _link.Monitor.CheckNow();
        Doubted?.Invoke();
        var cause = RedisErrors.WithoutArguments(exception);
        return new BackplaneUnavailableException(
            $"Redis did not take a message within {_timeout}: {cause.Message} " +
            "It may arrive all the same. Connections on this node were served. Check that Redis is up and not overloaded.",
            cause);
    }

    public async ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        if (_channels.ContainsKey(channel))
        {
            return;
        }

        var subscriber = ConnectedMultiplexer("the channel was not subscribed").GetSubscriber();
        var losses = _link.Monitor.Losses;
        var subscription = _withdrawing.GetValueOrDefault(channel) ?? Subscription(channel, _onReceived, _inbox);
        try
        {
            await EnsureOrWithdrawAsync(subscription).ConfigureAwait(false);
        }
        catch (Exception exception) when (RedisErrors.IsForbidden(exception))
        {
            throw Refused(exception);
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, cancellationToken))
        {
            throw new BackplaneUnavailableException(
                $"Redis did not confirm a subscription within {_timeout}: {exception.Message} Check that Redis is up and not overloaded.",
                exception);
        }

        // Known to the recovery only now: any earlier, it would have restored a subscription that failed. If a connection was
        // lost meanwhile, the recovery may have run already, so it is asked to look again.
        _channels[channel] = subscription;
        if (!ReferenceEquals(_link.Current, subscriber.Multiplexer) || losses != _link.Monitor.Losses)
        {
            _link.ReportLost(null);
        }

        if (_isDisposed)
        {
            // Disposal may have run before it could see this channel, which would live on over a connection of the app.
            await CloseAsync(new(channel, subscription), CancellationToken.None).ConfigureAwait(false);
            ObjectDisposedException.ThrowIf(true, this);
        }

        async Task EnsureOrWithdrawAsync(RedisSubscription attempt)
        {
            try
            {
                await attempt.EnsureAsync(subscriber, _placement, afresh: false, cancellationToken).ConfigureAwait(false);
            }
            catch when (!attempt.Withdrawal.IsCompleted)
            {
                // The next attempt for this channel waits for it: an unsubscribe and a subscribe must not overlap.
                _withdrawing[channel] = attempt;
                _ = attempt.Withdrawal.ContinueWith(
                    _ => _withdrawing.TryRemove(new(channel, attempt)),
                    CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
                throw;
            }
        }
    }

    public async ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        if (!_channels.TryRemove(channel, out var subscription))
        {
            return;
        }

        try
        {
            await subscription.CloseAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, cancellationToken))
        {
            Log.UnsubscribeFailed(_logger, channel, exception);
        }
    }

    /// <summary>A name for a probe, which only its node listens to.</summary>
    internal static string NewProbe(string prefix) => $"{prefix}:v1:probe:{Guid.NewGuid():N}";

    public ValueTask DisposeAsync()
    {
        lock (_disposing)
        {
            return new ValueTask(_disposal ??= DisposeCoreAsync());
        }
    }

    private async Task DisposeCoreAsync()
    {
        _isDisposed = true;
        await _link.StopAsync().ConfigureAwait(false);
        var subscriptions = _channels.ToArray();
        _channels.Clear();
        using (var deadline = new CancellationTokenSource(_timeout, _time))
        {
            if (_isAbandoned)
            {
                await deadline.CancelAsync().ConfigureAwait(false);
            }

            // All at once and within one timeout: when Redis does not answer, each is closed on this side only.
            await Task.WhenAll(subscriptions.Append(new(_probe.Channel.ToString(), _probe))
                .Select(subscription => CloseAsync(subscription, deadline.Token))).ConfigureAwait(false);
        }

        await _link.DisposeAsync().ConfigureAwait(false);
        _publisher.Dispose();
    }

    private async Task CloseAsync(KeyValuePair<string, RedisSubscription> subscription, CancellationToken deadline)
    {
        try
        {
            await subscription.Value.CloseAsync(deadline).ConfigureAwait(false);
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, CancellationToken.None))
        {
            Log.UnsubscribeFailed(_logger, subscription.Key, exception);
        }
    }

    private static BackplaneRefusedException Refused(Exception cause) =>
        new($"Redis refused a subscription: {cause.Message} Give the Redis user the permission to subscribe there.", cause);

    /// <remarks>On a Redis Cluster every channel has a server of its own. Without that the multiplexer takes turns, and there is no order.</remarks>
    private RedisChannel ChannelOf(string channel) => _isShard ? RedisChannel.Sharded(channel) : RedisChannel.Literal(channel).WithKeyRouting();

    private RedisSubscription Subscription(string channel, Action<string, ReadOnlyMemory<byte>> received, RedisInbox inbox) =>
        new(channel, ChannelOf(channel), received, inbox, _timeout, _time);

    private IConnectionMultiplexer ConnectedMultiplexer(string consequence)
    {
        if (_link.Current is { IsConnected: true } multiplexer)
        {
            return multiplexer;
        }

        throw new BackplaneUnavailableException(
            $"Redis is not connected, so {consequence}. Connections on this node were served. " +
            "Check that Redis is up and that the configured address is right; the backplane reconnects by itself.");
    }

    private void OnReceived(string channel, ReadOnlyMemory<byte> payload)
    {
        if (_isDisposed)
        {
            return; // on a channel whose subscribe was under way when disposal began
        }

        try
        {
            _receiver!.OnReceived(channel, payload);
        }
        catch (Exception exception)
        {
            if (_failedLog.TryPass(out var others))
            {
                Log.ReceiverFailed(_logger, channel, others, exception);
            }
        }
    }
}
