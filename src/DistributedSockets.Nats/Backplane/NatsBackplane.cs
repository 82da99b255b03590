using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>NATS as the backplane: a subject per channel, subscribed where it is wanted.</summary>
/// <remarks>
/// A publish or a subscription counts as taken when a marker that was sent after it has come back, over the same connection. Payloads above what the
/// server takes at once travel in parts. In a cluster of servers a subscription counts as taken when it is in force on each that nodes are connected
/// to. NATS does not say how many nodes took a payload, so no count is returned.
/// </remarks>
internal sealed partial class NatsBackplane : IBackplane, INatsPeersEvents
{
    private const int PeerPatience = 4; // two questions, one of which was under way already, take half of the time of a subscribe
    private const int MinServerPayload = 1_024;
    private const int MaxPartBytes = 1024 * 1024;
    private const int HeaderReserve = 4_096; // the client adds headers to a message while it is traced, and they count

    private readonly ConcurrentDictionary<string, NatsChannelSubscription> _channels = new(StringComparer.Ordinal);
    private readonly NatsConnector _connector;
    private readonly INatsConnection _connection;
    private readonly NatsRemovals _removals;
    private readonly NatsFence _fence;
    private readonly NatsPeers _peers;
    private readonly NatsRoutes _routes;
    private readonly NatsPartials _partials;
    private readonly NatsRefusals _refusals = new();
    private readonly Action<NatsChannelSubscription, ReadOnlySequence<byte>> _onReceived;
    private readonly string _subjects;
    private readonly string _probeSubject;
    private readonly string _probeSubjects;
    private readonly string _peerSubject;
    private readonly string _arrivalSubject;
    private readonly int _maxPayloadBytes;
    private readonly int _maxPendingBytes;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly RareLog _failedLog;
    private readonly RareLog _errorLog;
    private readonly RareLog _lossLog;
    private readonly Lock _disposing = new();
    private readonly Lock _partsInOrder = new();
    private readonly ulong _publisher = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));
    private ulong _partedPayloads;
    private long _pendingBytes;
    private IBackplaneReceiver? _receiver;
    private volatile bool _isDisposed;
    private Task? _disposal;

    public NatsBackplane(
        IOptions<NatsBackplaneOptions> options,
        IOptions<DistributedWebSocketsClusterOptions> clusterOptions,
        TimeProvider time,
        ILogger<NatsBackplane>? logger = null)
    {
        _timeout = options.Value.OperationTimeout;
        _maxPayloadBytes = options.Value.MaxPayloadBytes;
        _maxPendingBytes = options.Value.MaxPendingBytes;
        _time = time;
        _failedLog = new(1, time);
        _errorLog = new(1, time);
        _lossLog = new(16, time);
        _logger = new FailSafeLogger(logger ?? NullLogger<NatsBackplane>.Instance);
        _monitor = new TransportMonitor(HoldAsync, time);
        _monitor.StateChanged += OnStateChanged;
        _monitor.HoldFailed += OnHoldFailed;
        _connector = new NatsConnector(options.Value, "DistributedSockets backplane", makesRequests: false, OnRefusalRead);
        _connection = _connector.Connection;
        _removals = new NatsRemovals(_connection.SubscriptionManager);
        _partials = new NatsPartials(_maxPayloadBytes, options.Value.MaxPartialBytes, time, OnUnreadable);
        _onReceived = OnReceived;
        _subjects = NatsSubjects.FromChannel($"{clusterOptions.Value.Prefix}:v1") + ".";
        _probeSubjects = NatsSubjects.FromChannel($"{clusterOptions.Value.Prefix}:v1:probe") + ".";
        _probeSubject = _probeSubjects + $"{Guid.NewGuid():N}";
        _peerSubject = NatsSubjects.FromChannel($"{clusterOptions.Value.Prefix}:v1:peers");
        _arrivalSubject = NatsSubjects.FromChannel($"{clusterOptions.Value.Prefix}:v1:arrivals");
        _routes = new NatsRoutes(time);
        _fence = new NatsFence(number => _connection.PublishAsync(_probeSubject, number, serializer: NatsProbeSubscription.Serializer));
        _peers = new NatsPeers(
            number => _connection.PublishAsync(_peerSubject, number, replyTo: _probeSubject, serializer: NatsProbeSubscription.Serializer),
            _timeout / PeerPatience,
            time,
            this);
    }

    public string System => "nats";

    public async ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        lock (_disposing)
        {
            ObjectDisposedException.ThrowIf(_disposal is not null, this); // nobody would take the handlers off the connection any more
            _receiver = receiver;
            Attach();
            _monitor.Start(receiver);
        }

        await _monitor.WaitForFirstReportAsync(_timeout, cancellationToken).ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        cancellationToken.ThrowIfCancellationRequested();
        if (payload.Length > _maxPayloadBytes)
        {
            throw new ArgumentException(
                $"A payload of {payload.Length} bytes is too large: NatsBackplaneOptions.MaxPayloadBytes is {_maxPayloadBytes}. " +
                "Set it, on all nodes, to at least the envelope limit of the nodes.",
                nameof(payload));
        }

        // Nothing is awaited before the message is in the client's buffer, so the order of calls is the order on the wire.
        var subject = _channels.TryGetValue(channel, out var known) ? known.Subject : NatsSubjects.FromChannel(channel);
        var epoch = ConnectedEpoch("the message was not published");
        var refusals = _refusals.Of(subject).Count;
        var writing = Task.CompletedTask;
        try
        {
            ThrowIfFull(Interlocked.Add(ref _pendingBytes, payload.Length), payload.Length);
            writing = Write(subject, payload);
            await ConfirmAsync(writing, epoch, cancellationToken).ConfigureAwait(false);
            if (!_connector.IsOwned && refusals > 0 && _refusals.Of(subject).Count == refusals)
            {
                await ConfirmAsync(Task.CompletedTask, epoch, cancellationToken).ConfigureAwait(false); // gives a refusal time to arrive
            }
        }
        catch (Exception exception) when (NatsErrors.IsOutage(exception, cancellationToken))
        {
            // The connection may stand and yet carry nothing: see to it now rather than at the next check.
            _monitor.CheckNow();
            throw new BackplaneUnavailableException(
                $"NATS did not take a message within {_timeout}: {exception.Message} " +
                "It may arrive all the same. Connections on this node were served. Check that NATS is up and not overloaded.",
                exception);
        }
        finally
        {
            if (writing.IsCompleted)
            {
                Interlocked.Add(ref _pendingBytes, -payload.Length);
            }
            else
            {
                ReleaseLater(writing, payload.Length);
            }
        }

        var refusal = _refusals.Of(subject);
        if (refusal.Count > refusals)
        {
            throw new BackplaneRefusedException(
                $"NATS refused a message: {refusal.Words}. Connections on this node were served. Give the NATS user the permission to publish there.");
        }

        if (refusals > 0)
        {
            _refusals.Forget(subject);
        }

        return PublishResult.Taken;
    }

    /// <summary>Counts a payload that was given up here until the client holds it no more.</summary>
    private void ReleaseLater(Task writing, int bytes) => writing.ContinueWith(
        static (_, state) =>
        {
            var (backplane, bytes) = ((NatsBackplane, int))state!;
            Interlocked.Add(ref backplane._pendingBytes, -bytes);
        },
        (this, bytes),
        CancellationToken.None,
        TaskContinuationOptions.ExecuteSynchronously,
        TaskScheduler.Default);

    /// <exception cref="BackplaneUnavailableException">There is no room for a payload beside those that are not confirmed.</exception>
    private void ThrowIfFull(long pendingBytes, int bytes)
    {
        if (pendingBytes > _maxPendingBytes && pendingBytes > bytes)
        {
            throw new BackplaneUnavailableException(
                $"Messages of {pendingBytes - bytes} bytes wait for NATS, and another of {bytes} would exceed MaxPendingBytes, which is {_maxPendingBytes}. " +
                "It was not published. Connections on this node were served. NATS or the network is too slow for what is sent.");
        }
    }

    public async ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        if (_channels.ContainsKey(channel))
        {
            return;
        }

        cancellationToken.ThrowIfCancellationRequested();
        var epoch = ConnectedEpoch("the channel was not subscribed");
        var subscription = new NatsChannelSubscription(_connection, _removals, NatsSubjects.FromChannel(channel), channel, _onReceived);
        if (!_channels.TryAdd(channel, subscription))
        {
            return;
        }

        try
        {
            // Disposal ends every subscription that it finds; one that comes too late to be found sees here that disposal has begun.
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            var beginning = subscription.BeginAsync();
            var peers = _peers.PassAsync();
            await ConfirmAsync(beginning, epoch, cancellationToken).ConfigureAwait(false);
            await peers.WaitAsync(_timeout, _time, cancellationToken).ConfigureAwait(false);

            if (!_connector.IsOwned)
            {
                // Over a connection of the app a refusal arrives beside the markers; waiting for another marker gives it time.
                await ConfirmAsync(Task.CompletedTask, epoch, cancellationToken).ConfigureAwait(false);
            }

            if (subscription.Confirm() is { } refusal)
            {
                throw Refused(refusal);
            }
        }
        catch (Exception exception)
        {
            _channels.TryRemove(new(channel, subscription));
            WithdrawAsync(subscription).Observe();
            if (!NatsErrors.IsOutage(exception, cancellationToken))
            {
                throw;
            }

            ObjectDisposedException.ThrowIf(_isDisposed, this);

            _monitor.CheckNow();
            throw new BackplaneUnavailableException(
                $"NATS did not confirm a subscription within {_timeout}: {exception.Message} Check that NATS is up and not overloaded.", exception);
        }
    }

    public async ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        if (!_channels.TryRemove(channel, out var subscription))
        {
            return;
        }

        // From here on nothing is handed over, whether or not the server still sends.
        var ending = subscription.EndAsync();
        if (subscription.HasPartials)
        {
            _partials.Forget(subscription);
        }

        try
        {
            await ending.WaitAsync(_timeout, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (NatsErrors.IsOutage(exception, cancellationToken))
        {
            Log.UnsubscribeFailed(_logger, channel, exception);
        }
        finally
        {
            ending.Observe();
        }
    }

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
        await _monitor.DisposeAsync().ConfigureAwait(false);
        Detach();
        NatsSubscription[] subscriptions = [.. _channels.Values];
        _channels.Clear();
        foreach (var subscription in subscriptions)
        {
            subscription.Close();
        }

        NatsSubscription[] own = [.. new NatsSubscription?[] { _probe, _peer, _arrivals }.OfType<NatsSubscription>()];
        foreach (var subscription in own)
        {
            subscription.Close();
        }

        if (_connector.IsOwned)
        {
            _removals.BeginClose();
        }
        else
        {
            await EndAllAsync([.. subscriptions, .. own]).ConfigureAwait(false);
        }

        await _connector.DisposeAsync().ConfigureAwait(false);
        _fence.Fail();
        _peers.Fail();
        _partials.Clear();
    }

    /// <summary>Takes our subscriptions off a connection that lives on, for one timeout in all.</summary>
    private async Task EndAllAsync(NatsSubscription[] subscriptions)
    {
        var ending = Task.WhenAll(subscriptions.Select(static subscription => subscription.EndAsync()));
        try
        {
            await ending.WaitAsync(_timeout, _time).ConfigureAwait(false);
        }
        catch (Exception exception) when (NatsErrors.IsOutage(exception, CancellationToken.None))
        {
            Log.UnsubscribeFailed(_logger, "all", exception);
        }
        finally
        {
            ending.Observe();
        }
    }

    private static async Task WithdrawAsync(NatsSubscription subscription)
    {
        try
        {
            await subscription.EndAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (NatsErrors.IsOutage(exception, CancellationToken.None))
        {
            // It ends with the connection; what still arrives is not handed over.
        }
    }

    private NatsEpoch ConnectedEpoch(string consequence)
    {
        if (_connector.IsConnected && NatsEpoch.Of(_connection.ServerInfo) is { } epoch)
        {
            return epoch;
        }

        throw new BackplaneUnavailableException(
            $"NATS is not connected, so {consequence}. Connections on this node were served. " +
            "Check that NATS is up and that the configured address is right; the backplane reconnects by itself.");
    }

    /// <summary>Puts a payload into the client's buffer, in parts if it is larger than the server takes at once.</summary>
    /// <returns>Completes when all of it is there; the payload is not read after this method has returned.</returns>
    private Task Write(string subject, ReadOnlyMemory<byte> payload)
    {
        var limit = _connection.ServerInfo?.MaxPayload ?? 0;
        if (limit < MinServerPayload)
        {
            throw new NatsException($"max_payload of the server is {limit}. Set it to at least {MinServerPayload}.");
        }

        var partBytes = Math.Min(limit, MaxPartBytes) - Math.Min(HeaderReserve, limit / 8) - NatsFrame.PartHeaderBytes;
        if (payload.Length <= partBytes)
        {
            return Write(subject, new NatsOutgoing(payload, part: null));
        }

        var writing = new Task[(payload.Length + partBytes - 1) / partBytes];
        lock (_partsInOrder)
        {
            var number = ++_partedPayloads;
            for (var i = 0; i < writing.Length; i++)
            {
                var bytes = payload.Slice(i * partBytes, Math.Min(partBytes, payload.Length - (i * partBytes)));
                writing[i] = Write(subject, new NatsOutgoing(bytes, new NatsPart(_publisher, number, payload.Length, i * partBytes)));
            }
        }

        return Task.WhenAll(writing);
    }

    private Task Write(string subject, NatsOutgoing message)
    {
        var writing = _connection.PublishAsync(subject, message, serializer: NatsOutgoing.Serializer).AsTask();
        writing.Observe();
        if (message.EndLoan())
        {
            return writing;
        }

        // The connection was lost since it was looked at, and the client waits for the next one.
        return Task.FromException(new NatsException("The connection to NATS was lost."));
    }

    /// <summary>Waits until the server has processed what was sent in an epoch.</summary>
    private async Task ConfirmAsync(Task sending, NatsEpoch epoch, CancellationToken cancellationToken)
    {
        sending.Observe();
        ObjectDisposedException.ThrowIf(_isDisposed, this); // no marker comes back any more
        var passing = _fence.PassAsync();
        if (await passing.WaitAsync(_timeout, _time, cancellationToken).ConfigureAwait(false) != epoch)
        {
            throw new NatsException("The connection to NATS was lost.");
        }

        await sending.WaitAsync(_timeout, _time, cancellationToken).ConfigureAwait(false);
    }

    private void OnReceived(NatsChannelSubscription subscription, ReadOnlySequence<byte> message)
    {
        try
        {
            var kind = message.IsEmpty ? byte.MaxValue : message.FirstSpan[0];
            if (kind == NatsFrame.Whole)
            {
                _receiver!.OnReceived(subscription.Channel, message.Slice(NatsFrame.WholeHeaderBytes).ToArray());
            }
            else if (kind == NatsFrame.Part)
            {
                subscription.HasPartials = true;
                if (_partials.Add(subscription, message) is { } payload)
                {
                    _receiver!.OnReceived(subscription.Channel, payload);
                }
            }
            else
            {
                OnUnreadable($"A message of {message.Length} bytes is none of a backplane's.");
            }
        }
        catch (Exception exception)
        {
            if (_failedLog.TryPass(out var others))
            {
                Log.ReceiverFailed(_logger, subscription.Channel, others, exception);
            }
        }
    }

    /// <remarks>Anyone who may publish can cause these at will, so only some are reported, with the count of the others.</remarks>
    private void OnUnreadable(string description)
    {
        if (_lossLog.TryPass(out var others))
        {
            _monitor.ReportPossibleLoss(others == 0 ? description : $"{description} {others} more like it were not reported since the last one.");
        }
    }
}
