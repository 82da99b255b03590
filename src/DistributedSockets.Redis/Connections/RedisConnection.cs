using System.Net;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>One connection to Redis: the app's, or one of our own that is opened when first asked for.</summary>
/// <remarks>
/// Disposes only what it created. Behind sentinels it leads to the one server that they name the primary, and is closed and opened anew
/// when they name another. Without them, if its only server becomes a replica, it looks whether the name leads to a primary by now.
/// </remarks>
internal sealed class RedisConnection : IAsyncDisposable
{
    internal static readonly TimeSpan DefaultOperationTimeout = TimeSpan.FromSeconds(1.5);

    private const int ConfigCheckSeconds = 5;

    // How often the sentinels are asked when they say nothing by themselves, and when the connection is lost.
    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan UrgentWatchInterval = TimeSpan.FromMilliseconds(500);

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly AsyncSignal _doubt = new();
    private readonly TimeProvider _time;
    private readonly ConfigurationOptions? _configuration;
    private readonly RedisSentinels? _sentinels;
    private readonly IConnectionMultiplexer? _shared;
    private Task<IConnectionMultiplexer>? _opening;
    private Task _watching = Task.CompletedTask;
    private volatile EndPoint? _primary;
    private bool _disposed;

    public RedisConnection(IRedisConnectionOptions options, TimeProvider time)
    {
        _time = time;
        _shared = options.ConnectionMultiplexer;
        if (_shared is null)
        {
            _configuration = Prepare(options.Configuration?.Clone() ?? ConfigurationOptions.Parse(options.ConnectionString!), options.OperationTimeout);
            if (!string.IsNullOrEmpty(_configuration.ServiceName))
            {
                _sentinels = new RedisSentinels(_configuration, options.OperationTimeout, time);
                _sentinels.PrimarySwitched += _doubt.Set;
            }
        }
    }

    /// <summary>Raised, with the reason, when the connection was closed because it led to a server that is not the primary any more.</summary>
    public event Action<string>? Moved;

    /// <summary>Whether the connection is ours to close and open anew.</summary>
    public bool IsOwned => _shared is null;

    /// <summary>The multiplexer, once it has been opened; it may be disconnected.</summary>
    public IConnectionMultiplexer? Current
    {
        get
        {
            if (Volatile.Read(ref _disposed))
            {
                return null;
            }

            return _shared ?? (Volatile.Read(ref _opening) is { IsCompletedSuccessfully: true } opened ? opened.Result : null);
        }
    }

    /// <summary>The multiplexer, opened by the first call, and by the next one if that failed.</summary>
    /// <remarks>Opening takes up to the connect timeout while Redis is away, and then gives a multiplexer that goes on trying.</remarks>
    public Task<IConnectionMultiplexer> GetAsync()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_shared is not null)
            {
                return Task.FromResult(_shared);
            }

            if (_opening is null or { IsFaulted: true } or { IsCanceled: true })
            {
                _opening = Task.Run(OpenAsync);
                _opening.Observe(); // whoever waits may have given up by then
                if (_watching.IsCompleted)
                {
                    _watching = Task.Run(() => WatchAsync(_stop.Token));
                }
            }

            return _opening;
        }
    }

    /// <summary>Closes our own multiplexer, so that the next <see cref="GetAsync"/> opens a new one.</summary>
    public async Task CloseAsync()
    {
        Task<IConnectionMultiplexer>? opening;
        lock (_lock)
        {
            opening = _opening;
            _opening = null;
        }

        if (opening is null)
        {
            return;
        }

        try
        {
            // Whoever waited for a command has its answer or has given up, so nothing is waited for here: a server that does
            // not answer would only hold up the closing for seconds.
            var multiplexer = await opening.ConfigureAwait(false);
            await multiplexer.CloseAsync(allowCommandsToComplete: false).ConfigureAwait(false);
            await multiplexer.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, CancellationToken.None))
        {
            // It never opened, or was cut off while closing: either way it is gone.
        }
    }

    public async ValueTask DisposeAsync()
    {
        Task watching;
        lock (_lock)
        {
            _disposed = true;
            watching = _watching;
        }

        await _stop.CancelAsync().ConfigureAwait(false);
        await watching.ConfigureAwait(false);
        await CloseAsync().ConfigureAwait(false);
        if (_sentinels is not null)
        {
            await _sentinels.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Asks a multiplexer of our own that is not connected for the reason.</summary>
    public async Task<Exception?> WhyDisconnectedAsync(IConnectionMultiplexer multiplexer)
    {
        if (!IsOwned)
        {
            return null; // it may queue what it cannot send, and would answer late
        }

        try
        {
            await multiplexer.GetDatabase().PingAsync().ConfigureAwait(false);
            return null;
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, CancellationToken.None))
        {
            return exception;
        }
    }

    private static ConfigurationOptions Prepare(ConfigurationOptions configuration, TimeSpan timeout)
    {
        configuration.AbortOnConnectFail = false;
        configuration.BacklogPolicy = BacklogPolicy.FailFast;
        if (configuration.ConfigCheckSeconds is <= 0 or > ConfigCheckSeconds)
        {
            configuration.ConfigCheckSeconds = ConfigCheckSeconds; // by which a replica is recognized
        }

        // Whoever waits gives up by the timeout of ours; the multiplexer's must not come first.
        configuration.AsyncTimeout = Math.Max(configuration.AsyncTimeout, (int)timeout.TotalMilliseconds);

        // Of several primaries the multiplexer takes the first, which must be the same one on all nodes.
        EndPoint[] ordered = [.. configuration.EndPoints.Select(Reachable).OrderBy(static endPoint => RedisServerName.Of(endPoint), StringComparer.Ordinal)];
        configuration.EndPoints.Clear();
        foreach (var endPoint in ordered)
        {
            configuration.EndPoints.Add(endPoint);
        }

        if (configuration.ReconnectRetryPolicy is null or ExponentialRetry)
        {
            // The default backs off to a minute: too long to stay cut off after a restart of Redis.
            configuration.ReconnectRetryPolicy = new ExponentialRetry(200, 5_000);
        }

        return configuration;
    }

    /// <summary>An address in a spelling with which the multiplexer comes to it.</summary>
    private static EndPoint Reachable(EndPoint endPoint) => endPoint switch
    {
        IPEndPoint { Address.IsIPv4MappedToIPv6: true } ip => new IPEndPoint(ip.Address.MapToIPv4(), ip.Port),
        DnsEndPoint dns when dns.Host.Equals("localhost.", StringComparison.OrdinalIgnoreCase) => new DnsEndPoint("localhost", dns.Port),
        _ => endPoint,
    };

    private async Task<IConnectionMultiplexer> OpenAsync()
    {
        if (_sentinels is null)
        {
            return await ConnectionMultiplexer.ConnectAsync(_configuration!).ConfigureAwait(false);
        }

        var primary = await _sentinels.FindPrimaryAsync().ConfigureAwait(false);
        var configuration = _configuration!.Clone();
        configuration.ServiceName = null;
        configuration.EndPoints.Clear();
        configuration.EndPoints.Add(primary);
        var multiplexer = await ConnectionMultiplexer.ConnectAsync(configuration).ConfigureAwait(false);
        if (multiplexer.GetServer(primary) is { IsConnected: true, IsReplica: true })
        {
            await multiplexer.DisposeAsync().ConfigureAwait(false);
            throw new RedisConnectionException(
                ConnectionFailureType.UnableToConnect,
                CommandFlags.None,
                $"The sentinels name {primary} as the primary, but it is a replica. A fail-over may be under way.");
        }

        multiplexer.ConnectionFailed += (_, _) => _doubt.Set();
        _primary = primary;
        if (!multiplexer.IsConnected)
        {
            _doubt.Set();
        }

        return multiplexer;
    }

    /// <summary>Looks whether the connection leads to the primary, at once when there is reason to doubt it.</summary>
    private async Task WatchAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await _doubt.WaitAsync(WatchInterval, _time, stop).ConfigureAwait(false);
                _doubt.Reset();
                if (Current is { } multiplexer)
                {
                    await (_sentinels is null ? FollowNameAsync(multiplexer) : FollowSentinelsAsync(_sentinels, multiplexer, stop)).ConfigureAwait(false);
                }
            }
            catch (Exception)
            {
                // Told to stop, nobody could be asked, or the answer made no sense. What is known stays, and the next round asks again.
            }
        }
    }

    private async Task FollowSentinelsAsync(RedisSentinels sentinels, IConnectionMultiplexer multiplexer, CancellationToken stop)
    {
        var known = _primary;
        var finding = sentinels.FindPrimaryAsync();
        finding.Observe();
        var primary = await finding.WaitAsync(stop).ConfigureAwait(false);
        if (!primary.Equals(known) && ReferenceEquals(multiplexer, Current))
        {
            await CloseAsync().ConfigureAwait(false);
            Moved?.Invoke("The sentinels name another primary.");
        }
        else if (!multiplexer.IsConnected)
        {
            _doubt.Set();
            await Task.Delay(UrgentWatchInterval, _time, stop).ConfigureAwait(false);
        }
    }

    /// <summary>Changes to a new connection if the old one leads to a replica, and the same name leads to a primary by now.</summary>
    private async Task FollowNameAsync(IConnectionMultiplexer multiplexer)
    {
        if (multiplexer.GetServers() is not [{ IsConnected: true, IsReplica: true }])
        {
            return;
        }

        var candidate = await ConnectionMultiplexer.ConnectAsync(_configuration!).ConfigureAwait(false);
        if (candidate.GetServers() is [{ IsConnected: true, IsReplica: false }] && TryReplace(multiplexer, candidate))
        {
            await multiplexer.CloseAsync(allowCommandsToComplete: false).ConfigureAwait(false);
            await multiplexer.DisposeAsync().ConfigureAwait(false);
            Moved?.Invoke("Redis had become a replica.");
        }
        else
        {
            await candidate.DisposeAsync().ConfigureAwait(false);
        }
    }

    private bool TryReplace(IConnectionMultiplexer multiplexer, IConnectionMultiplexer candidate)
    {
        lock (_lock)
        {
            if (_disposed || !ReferenceEquals(multiplexer, Current))
            {
                return false;
            }

            _opening = Task.FromResult(candidate);
            return true;
        }
    }
}
