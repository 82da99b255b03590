using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>Notices outages and ends them.</summary>
/// <remarks>
/// The client renews its subscriptions before it calls a connection open, so that when a marker comes back over it they are in force. The transport
/// counts as available then, with no connection lost meanwhile.
/// </remarks>
internal sealed partial class NatsBackplane
{
    private static readonly TimeSpan LivenessInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ProofTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan MinBackOff = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan MaxBackOff = TimeSpan.FromSeconds(5);

    // Nodes that share a server which is about to go do not all leave it, with all their subscriptions, at the same moment.
    private static readonly TimeSpan MaxMoveDelay = TimeSpan.FromSeconds(2);

    private readonly TaskCompletionSource _firstAttempt = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly AsyncSignal _trouble = new();
    private readonly AsyncSignal _restored = new();
    private readonly Lock _reporting = new();
    private Task? _loop;
    private NatsProbeSubscription? _probe;
    private volatile TransportState _state;
    private volatile Exception? _serverError;
    private volatile bool _isServerLeaving;
    private bool _refused;
    private int _losses;

    private enum TransportState
    {
        Starting,
        Available,
        Unavailable,
    }

    private async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                _trouble.Reset();
                if (_state != TransportState.Available)
                {
                    await RecoverAsync(stop).ConfigureAwait(false);
                }

                await _trouble.WaitAsync(LivenessInterval, _time, stop).ConfigureAwait(false);
                _partials.Sweep();
                await LeaveServerAsync(stop).ConfigureAwait(false);
                if (_state == TransportState.Available && !await IsAliveAsync(stop).ConfigureAwait(false))
                {
                    ReportUnavailable(new TimeoutException($"A marker published to NATS did not come back within {ProofTimeout}."));
                    await ReplaceConnectionAsync().ConfigureAwait(false);
                }
                else if (_state == TransportState.Available)
                {
                    await MeetPeersAgainAsync(stop).ConfigureAwait(false);
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

    private async Task RecoverAsync(CancellationToken stop)
    {
        var backOff = MinBackOff;
        for (var attempt = 1; ; attempt++)
        {
            Exception? cause = null;
            try
            {
                _restored.Reset();
                var losses = Volatile.Read(ref _losses);
                await ConnectAsync(stop).ConfigureAwait(false);
                if (await ProveAsync(stop).ConfigureAwait(false))
                {
                    LookAtRoutes();
                    await MeetPeersAsync(PeersSettle, stop).ConfigureAwait(false);
                    if (TryReportAvailable(losses))
                    {
                        return;
                    }
                }
                else
                {
                    cause = _serverError;
                }
            }
            catch (TimeoutException exception) when (_connector.IsConnected)
            {
                cause = _serverError ?? exception;
                await ReplaceConnectionAsync().ConfigureAwait(false);
            }
            catch (Exception exception) when (NatsErrors.IsOutage(exception, stop))
            {
                // Why the client does not get back it does not say itself; the server may have.
                cause = NatsErrors.IsRefusal(exception) ? exception : _serverError ?? exception;
            }

            Log.RecoveryFailed(_logger, attempt, cause);
            ReportUnavailable(cause);
            await _restored.WaitAsync(backOff, _time, stop).ConfigureAwait(false);
            backOff = backOff * 2 < MaxBackOff ? backOff * 2 : MaxBackOff;
        }
    }

    private async Task ConnectAsync(CancellationToken stop)
    {
        if (!_connector.IsConnected)
        {
            await _connector.ConnectAsync().WaitAsync(ProofTimeout, _time, stop).ConfigureAwait(false);
        }

        if (_probe is null or { HasFailed: true })
        {
            _probe = new NatsProbeSubscription(_connection, _removals, _probeSubject, OnMarker, OnPeerAnswered);
            await _probe.BeginAsync().WaitAsync(ProofTimeout, _time, stop).ConfigureAwait(false);
        }
    }

    /// <summary>Ends a connection of our own that does not deliver, upon which the client opens the next one. One of the app's is the app's to end.</summary>
    private async Task ReplaceConnectionAsync()
    {
        if (_connector.IsOwned && _connector.IsConnected)
        {
            Log.ConnectionReplaced(_logger);
            await _connection.ReconnectAsync().ConfigureAwait(false);
        }
    }

    private async Task LeaveServerAsync(CancellationToken stop)
    {
        if (!_isServerLeaving || _state != TransportState.Available)
        {
            return;
        }

        _isServerLeaving = false;
        var info = _connection.ServerInfo;
        var cause = new NatsException($"The NATS server {info?.Name} is about to shut down (lame duck mode).");
        var knowsOther = info?.ClientConnectUrls is { Length: > 0 } || _connection.Opts.Url.Contains(',', StringComparison.Ordinal);
        if (!_connector.IsOwned || !knowsOther)
        {
            Log.ServerLeaves(_logger, info?.Name);
            lock (_reporting)
            {
                if (_state == TransportState.Available)
                {
                    _receiver!.OnPartlyUnavailable(cause);
                }
            }

            return;
        }

        Log.MovingAway(_logger, info?.Name);
        await Task.Delay(MaxMoveDelay * Random.Shared.NextDouble(), _time, stop).ConfigureAwait(false);
        if (_connector.IsConnected)
        {
            ReportUnavailable(cause);
            await _connection.ReconnectAsync().ConfigureAwait(false);
        }
    }

    private async Task<bool> IsAliveAsync(CancellationToken stop)
    {
        try
        {
            var losses = Volatile.Read(ref _losses);

            // A connection lost meanwhile is reported by its event.
            return await ProveAsync(stop).ConfigureAwait(false) || losses != Volatile.Read(ref _losses) || !_connector.IsConnected;
        }
        catch (Exception exception) when (NatsErrors.IsOutage(exception, stop))
        {
            return false;
        }
    }

    /// <summary>Whether a marker comes back. Throws if it does not for too long.</summary>
    private async Task<bool> ProveAsync(CancellationToken stop) =>
        await _fence.PassAsync().WaitAsync(ProofTimeout, _time, stop).ConfigureAwait(false) is not null;

    private void OnMarker(ulong number) => _fence.Receive(number, NatsEpoch.Of(_connection.ServerInfo));

    private void Attach()
    {
        _connection.ConnectionDisconnected += OnDisconnected;
        _connection.ConnectionOpened += OnOpened;
        _connection.ServerError += OnServerError;
        _connection.LameDuckModeActivated += OnLameDuckMode;
    }

    private void Detach()
    {
        _connection.ConnectionDisconnected -= OnDisconnected;
        _connection.ConnectionOpened -= OnOpened;
        _connection.ServerError -= OnServerError;
        _connection.LameDuckModeActivated -= OnLameDuckMode;
    }

    private ValueTask OnDisconnected(object? sender, NatsEventArgs args)
    {
        OnTrouble(_serverError ?? new NatsException($"The connection to {args.Message} was lost."));
        return ValueTask.CompletedTask;
    }

    private ValueTask OnOpened(object? sender, NatsEventArgs args)
    {
        _serverError = null;
        _isServerLeaving = false;
        _restored.Set();
        return ValueTask.CompletedTask;
    }

    private ValueTask OnServerError(object? sender, NatsServerErrorEventArgs args)
    {
        if (NatsErrors.IsRefusal(args.Error))
        {
            OnRefusalTold(args.Error);
        }
        else
        {
            LogServerError(args.Error);
            _serverError = new NatsServerException(args.Error); // most of them end the connection
        }

        return ValueTask.CompletedTask;
    }

    private ValueTask OnLameDuckMode(object? sender, NatsLameDuckModeActivatedEventArgs args)
    {
        _isServerLeaving = true;
        _trouble.Set();
        return ValueTask.CompletedTask;
    }

    private void OnTrouble(Exception? cause)
    {
        lock (_reporting)
        {
            _losses++;
            _partials.Clear();
            if (_state == TransportState.Available)
            {
                ReportUnavailable(cause);
            }
        }

        _fence.Fail();
        _peers.Fail();
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
                Log.ConnectionLost(_logger, cause);
                _receiver!.OnUnavailable(cause);
            }
            else if (cause is not null)
            {
                _receiver!.OnUnavailable(cause);
            }

            if (NatsErrors.IsRefusal(cause) && !_refused)
            {
                _refused = true;
                Log.Refused(_logger, cause!);
            }
        }

        _firstAttempt.TrySetResult();
    }

    /// <returns><see langword="false"/> if a connection was lost after <paramref name="losses"/> was read.</returns>
    private bool TryReportAvailable(int losses)
    {
        lock (_reporting)
        {
            if (losses != _losses || !_connector.IsConnected)
            {
                return false;
            }

            _refused = false;
            var wasAway = _state == TransportState.Unavailable;
            _state = TransportState.Available;
            if (wasAway)
            {
                Log.ConnectionRecovered(_logger, _channels.Count, _connection.ServerInfo?.Name);
                _receiver!.OnAvailable();
            }
            else
            {
                Log.Connected(_logger, _connection.ServerInfo?.Name);
            }
        }

        _firstAttempt.TrySetResult();
        return true;
    }
}
