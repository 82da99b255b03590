using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>One connection to Redis: the app's, or one of our own that is opened when first asked for.</summary>
/// <remarks>Disposes only what it created.</remarks>
internal sealed class RedisConnection : IAsyncDisposable
{
    internal static readonly TimeSpan DefaultOperationTimeout = TimeSpan.FromSeconds(1.5);

    private readonly Lock _lock = new();
    private readonly ConfigurationOptions? _configuration;
    private readonly IConnectionMultiplexer? _shared;
    private Task<IConnectionMultiplexer>? _opening;
    private bool _disposed;

    public RedisConnection(IRedisConnectionOptions options)
    {
        _shared = options.ConnectionMultiplexer;
        if (_shared is null)
        {
            _configuration = Prepare(options.Configuration?.Clone() ?? ConfigurationOptions.Parse(options.ConnectionString!));
        }
    }

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
            // Whoever waited for a command has had its answer or given up, so none is waited for here: a server that does
            // not answer would take seconds not to answer the farewell.
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
        lock (_lock)
        {
            _disposed = true;
        }

        await CloseAsync().ConfigureAwait(false);
    }

    private static ConfigurationOptions Prepare(ConfigurationOptions configuration)
    {
        configuration.AbortOnConnectFail = false;
        configuration.BacklogPolicy = BacklogPolicy.FailFast;
        if (configuration.ReconnectRetryPolicy is null or ExponentialRetry)
        {
            // The default backs off to a minute, which is too long to be cut off after a restart of Redis.
            configuration.ReconnectRetryPolicy = new ExponentialRetry(200, 5_000);
        }

        return configuration;
    }

    private async Task<IConnectionMultiplexer> OpenAsync() =>
        await ConnectionMultiplexer.ConnectAsync(_configuration!).ConfigureAwait(false);
}
