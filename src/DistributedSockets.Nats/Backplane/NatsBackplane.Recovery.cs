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

    // Nodes that share a server which is about to go do not all leave it, with all their subscriptions, at the same moment.
    private static readonly TimeSpan MaxMoveDelay = TimeSpan.FromSeconds(2);

    private readonly TransportMonitor _monitor;
    private NatsProbeSubscription? _probe;
    private volatile Exception? _serverError;
    private volatile Exception? _probeRefusal; // which may come before the client says that the connection is open
    private volatile bool _isServerLeaving;
    private bool _saidRefused;

    private async Task HoldAsync(TransportHold hold, CancellationToken stop)
    {
        try
        {
            await ConnectAsync(stop).ConfigureAwait(false);
            if (!await ProveAsync(stop).ConfigureAwait(false))
            {
                throw new NatsException("The connection to NATS was lost.");
            }

            LookAtRoutes();
            await MeetPeersAsync(PeersSettle, stop).ConfigureAwait(false);
        }
        catch (Exception exception) when (NatsErrors.IsOutage(exception, stop))
        {
            var said = _probeRefusal ?? _serverError;
            if (exception is TimeoutException)
            {
                await ReplaceConnectionAsync().ConfigureAwait(false);
            }

            if (said is not null && !NatsErrors.IsRefusal(exception))
            {
                throw said; // why the client does not get back it does not say itself; the server may have
            }

            throw;
        }

        if (!_connector.IsConnected || !hold.TryReportAvailable())
        {
            return;
        }

        _serverError = null; // over a connection of the app it may be a refusal that is over
        _probeRefusal = null;
        while (await hold.WaitAsync(LivenessInterval, stop).ConfigureAwait(false))
        {
            _partials.Sweep();
            await LeaveServerAsync(stop).ConfigureAwait(false);
            if (hold.IsLost)
            {
                return;
            }

            if (!await IsAliveAsync(hold, stop).ConfigureAwait(false))
            {
                _monitor.ReportLost(new TimeoutException($"A marker published to NATS did not come back within {ProofTimeout}."));
                await ReplaceConnectionAsync().ConfigureAwait(false);
                return;
            }

            hold.ReportProven();
            await MeetPeersAgainAsync(stop).ConfigureAwait(false);
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

    /// <summary>Ends a connection of our own that does not deliver, upon which the client opens the next one.</summary>
    /// <remarks>
    /// One of the app's is the app's to end. It may stand, with only the probe refused, or a marker: nobody renews these but us, and no other
    /// marker is sent while one is under way.
    /// </remarks>
    private async Task ReplaceConnectionAsync()
    {
        if (!_connector.IsConnected)
        {
            return;
        }

        if (_connector.IsOwned)
        {
            Log.ConnectionReplaced(_logger);
            await _connection.ReconnectAsync().ConfigureAwait(false);
            return;
        }

        if (_probe is { } old)
        {
            _probe = null;
            WithdrawAsync(old).Observe();
        }

        _fence.Fail();
        _peers.Fail();
    }

    private async Task LeaveServerAsync(CancellationToken stop)
    {
        if (!_isServerLeaving)
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
            if (_monitor.State == TransportState.Available)
            {
                _monitor.Report(TransportState.PartlyUnavailable, cause);
            }

            return;
        }

        Log.MovingAway(_logger, info?.Name);
        await Task.Delay(MaxMoveDelay * Random.Shared.NextDouble(), _time, stop).ConfigureAwait(false);
        if (_connector.IsConnected)
        {
            _monitor.ReportLost(cause);
            await _connection.ReconnectAsync().ConfigureAwait(false);
        }
    }

    private async Task<bool> IsAliveAsync(TransportHold hold, CancellationToken stop)
    {
        try
        {
            // A connection lost meanwhile is reported by its event.
            return await ProveAsync(stop).ConfigureAwait(false) || hold.IsLost || !_connector.IsConnected;
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
        OnTrouble(_probeRefusal ?? _serverError ?? new NatsException($"The connection to {args.Message} was lost."));
        return ValueTask.CompletedTask;
    }

    private ValueTask OnOpened(object? sender, NatsEventArgs args)
    {
        _serverError = null;
        _isServerLeaving = false;
        _monitor.RetryNow();
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
        _monitor.CheckNow();
        return ValueTask.CompletedTask;
    }

    private void OnTrouble(Exception? cause)
    {
        _partials.Clear();
        _monitor.ReportLost(cause);
        _fence.Fail();
        _peers.Fail();
    }

    private void OnStateChanged(TransportState before, TransportState state, Exception? cause)
    {
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

            WarnOfRefusal(cause);
        }
        else if (state == TransportState.Available)
        {
            _saidRefused = false;
            if (before == TransportState.Starting)
            {
                Log.Connected(_logger, _connection.ServerInfo?.Name);
            }
            else
            {
                Log.ConnectionRecovered(_logger, _channels.Count, _connection.ServerInfo?.Name);
            }
        }
    }

    private void OnHoldFailed(int attempt, Exception? cause)
    {
        if (cause is null || NatsErrors.IsOutage(cause, CancellationToken.None))
        {
            Log.RecoveryFailed(_logger, attempt, cause);
            WarnOfRefusal(cause);
        }
        else
        {
            Log.RecoveryCrashed(_logger, cause);
        }
    }

    private void WarnOfRefusal(Exception? cause)
    {
        if (NatsErrors.IsRefusal(cause) && !_saidRefused)
        {
            _saidRefused = true;
            Log.Refused(_logger, cause!);
        }
    }
}
