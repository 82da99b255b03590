using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Sharded pub/sub of a Redis Cluster as the backplane: one <see cref="RedisBackplane"/> for each primary.</summary>
/// <remarks>
/// A multiplexer that knows the whole cluster moves subscriptions between servers at moments of its own, so that messages from two
/// servers could overtake each other. So each primary has a multiplexer that knows only this server, and a channel moves in steps: its old
/// primary has ended the subscription before the new one begins it, and nothing is published on the new one before the old one has
/// answered all that was published there.
/// No receiver count is returned: Redis counts those connected to one node, and others may listen at a replica of it.
/// </remarks>
internal sealed partial class RedisShardedBackplane : IBackplane
{
    private readonly ConcurrentDictionary<string, RedisPlacement> _channels = new(StringComparer.Ordinal);
    private readonly RedisShard?[] _slots = new RedisShard?[RedisSlots.Count];
    private readonly RedisConnection _connection;
    private readonly ConfigurationOptions _configuration;
    private readonly byte[] _channelPrefix;
    private readonly string _probe;
    private readonly TimeSpan _timeout;
    private readonly int _maxPendingBytes;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _disposing = new();
    private IBackplaneReceiver? _receiver;
    private Task? _disposal;

    public RedisShardedBackplane(
        IOptions<RedisBackplaneOptions> options,
        IOptions<DistributedWebSocketsClusterOptions> clusterOptions,
        TimeProvider time,
        ILogger<RedisBackplane>? logger = null)
    {
        Reach = RedisReach.Of(options.Value);
        _timeout = options.Value.OperationTimeout;
        _maxPendingBytes = options.Value.MaxPendingBytes;
        _time = time;
        _logger = new FailSafeLogger(logger ?? NullLogger<RedisBackplane>.Instance);
        var configuration = options.Value.Configuration?.Clone() ?? ConfigurationOptions.Parse(options.Value.ConnectionString!);
        _configuration = ForOneServer(configuration.Clone());
        configuration.AllowAdmin = true; // asking a node who owns which slot counts as that
        _connection = new RedisConnection(new RedisBackplaneOptions { Configuration = configuration, OperationTimeout = _timeout }, time);
        _channelPrefix = (byte[]?)_configuration.ChannelPrefix ?? [];
        _probe = RedisBackplane.NewProbe(clusterOptions.Value.Prefix);
        _monitor = new TransportMonitor(HoldAsync, time);
    }

    public string System => "redis";

    public string? Reach { get; }

    internal IBackplaneReceiver Receiver => _receiver!;

    internal DateTimeOffset Now => _time.GetUtcNow();

    public async ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        _receiver = receiver;
        _monitor.Start(receiver);
        try
        {
            // Twice, as there are two things to connect to, one after the other: the cluster, then its primaries.
            await _firstAttempt.Task.WaitAsync(_timeout * 2, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException exception)
        {
            EndStart(exception);
        }
    }

    public ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        return Volatile.Read(ref _slots[SlotOf(channel)]) is { } shard
            ? shard.Backplane.PublishAsync(channel, payload, cancellationToken)
            : ValueTask.FromException<PublishResult>(NoPrimary("the message was not published"));
    }

    public async ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        if (_channels.TryGetValue(channel, out var known) && known.Shard is not null)
        {
            return;
        }

        var placement = _channels.GetOrAdd(channel, static (name, self) => new(self.SlotOf(name)), this);
        await placement.Gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (placement.Shard is null)
            {
                var shard = Volatile.Read(ref _slots[placement.Slot]) ?? throw NoPrimary("the channel was not subscribed");
                placement.Begin(shard);
                await shard.Backplane.SubscribeAsync(channel, cancellationToken).ConfigureAwait(false);
                placement.Complete();
                placement.IsKept = true;
            }
        }
        finally
        {
            if (!placement.IsKept)
            {
                placement.IsClosed = true;
                _channels.TryRemove(new(channel, placement));
            }

            placement.Gate.Release();
        }
    }

    public async ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        if (!_channels.TryRemove(channel, out var placement))
        {
            return;
        }

        placement.IsClosed = true;
        await placement.Gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (placement.Shard is { } shard)
            {
                await shard.Backplane.UnsubscribeAsync(channel, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            placement.Gate.Release();
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
        await _monitor.DisposeAsync().ConfigureAwait(false);
        Array.Clear(_slots);
        await Task.WhenAll(_shards.Values.Select(static shard => shard.DisposeAsync().AsTask())).ConfigureAwait(false);
        _channels.Clear();
        await _connection.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>The app's settings without the command that tells of other servers: such a multiplexer keeps to the one that it is given.</summary>
    private static ConfigurationOptions ForOneServer(ConfigurationOptions configuration)
    {
        var commands = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var part in configuration.ToString(includePassword: false).Split(','))
        {
            if (part.StartsWith('$') && part.IndexOf('=') is var equals and > 0)
            {
                commands[part[1..equals]] = part[(equals + 1)..];
            }
        }

        commands["CLUSTER"] = null;
        configuration.CommandMap = CommandMap.Create(commands);
        if (configuration.Ssl)
        {
            configuration.SslHost = configuration.SslHost; // it may have been read from the addresses, which are replaced
        }

        configuration.EndPoints.Clear();
        return configuration;
    }

    private int SlotOf(string channel) => RedisSlots.Of(channel, _channelPrefix);

    private BackplaneUnavailableException NoPrimary(string consequence) => new(
        $"No primary of the Redis Cluster is known to have this channel's slot now, so {consequence}. Connections on this node were served. " +
        (_watchProblem is { } problem
            ? problem.Message
            : "The slot may be on its way to another primary, or the cluster may have lost it; the backplane follows by itself."));
}
