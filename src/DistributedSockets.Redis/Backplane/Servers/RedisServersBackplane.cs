using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Several independent Redis servers as one backplane: each channel belongs to one of them.</summary>
/// <remarks>
/// Each server has a backplane of its own, which notices and ends the outages of that server. While some servers are away the others work
/// on; the state of the whole is summed up here.
/// </remarks>
internal sealed class RedisServersBackplane : IBackplane
{
    private readonly Lock _reporting = new();
    private readonly RedisShare[] _shares;
    private readonly Rendezvous _rendezvous;
    private readonly RedisServersAgreement _agreement;
    private IBackplaneReceiver? _receiver;
    private bool _started;
    private bool _saidAway;

    /// <param name="servers">The backplane of each server, under its name.</param>
    /// <param name="prefix">The prefix of channels.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public RedisServersBackplane(
        IEnumerable<KeyValuePair<string, IBackplane>> servers, string prefix, TimeProvider time, ILogger<RedisServersBackplane>? logger = null)
    {
        _shares = [.. servers.OrderBy(static server => server.Key, StringComparer.Ordinal).Select(server => new RedisShare(server.Key, server.Value, this, time))];
        _rendezvous = new Rendezvous(_shares.Select(static share => share.Name));
        _agreement = new RedisServersAgreement($"{prefix}:v1:servers", _shares, time, new FailSafeLogger(logger ?? NullLogger<RedisServersBackplane>.Instance));
    }

    public string System => "redis";

    public string? Reach { get; private init; }

    /// <summary>Creates the backplane of each of <see cref="RedisBackplaneOptions.Servers"/>.</summary>
    public static RedisServersBackplane Create(
        RedisBackplaneOptions options, IOptions<DistributedWebSocketsClusterOptions> clusterOptions, TimeProvider time, ILoggerFactory? loggers = null) =>
        new(
            options.Servers.Select(server =>
            {
                var name = RedisServerName.Of(server);
                var logger = loggers?.CreateLogger($"{typeof(RedisBackplane).FullName}.{name}");
                return KeyValuePair.Create<string, IBackplane>(name, new RedisBackplane(
                    options.For(server), RedisBackplane.NewProbe(clusterOptions.Value.Prefix), isShard: false, time, logger ?? NullLogger.Instance));
            }),
            clusterOptions.Value.Prefix,
            time,
            loggers?.CreateLogger<RedisServersBackplane>())
        {
            Reach = RedisReach.Of(options),
        };

    public async ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        _receiver = receiver;
        await Task.WhenAll(_shares.Select(share => share.Backplane.StartAsync(share, cancellationToken).AsTask())).ConfigureAwait(false);
        lock (_reporting)
        {
            // Reported once, now that each has connected or given up for the moment: any earlier it would look like a partial outage.
            _started = true;
            ReportLocked();
        }

        _agreement.Start();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
    {
        var share = Find(channel);
        try
        {
            return await share.Backplane.PublishAsync(channel, payload, cancellationToken).ConfigureAwait(false);
        }
        catch (BackplaneUnavailableException exception)
        {
            throw Named(share, exception);
        }
    }

    public async ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default)
    {
        var share = Find(channel);
        try
        {
            await share.Backplane.SubscribeAsync(channel, cancellationToken).ConfigureAwait(false);
        }
        catch (BackplaneUnavailableException exception)
        {
            throw Named(share, exception);
        }
    }

    public ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default) =>
        Find(channel).Backplane.UnsubscribeAsync(channel, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _agreement.DisposeAsync().ConfigureAwait(false);
        await Task.WhenAll(_shares.Select(static share => share.Backplane.DisposeAsync().AsTask())).ConfigureAwait(false);
    }

    internal void OnReceived(string channel, ReadOnlyMemory<byte> payload)
    {
        if (!_agreement.TryReceive(channel, payload.Span, _receiver!))
        {
            _receiver!.OnReceived(channel, payload);
        }
    }

    internal void OnTrouble(RedisShare share, Exception? cause, bool isPart)
    {
        lock (_reporting)
        {
            share.Fail(cause, isPart);
            ReportLocked();
        }
    }

    internal void OnAvailable(RedisShare share)
    {
        lock (_reporting)
        {
            var since = share.Recover();
            if (_started && since is { } moment && _shares.Any(static other => other.IsInTrouble))
            {
                // When the last server is back, the report that the outage has ended covers it.
                _receiver!.OnPossibleLoss($"{share} was away; what other nodes sent by it meanwhile may be missing.", moment);
            }

            ReportLocked();
        }

        _agreement.OnAvailable(share);
    }

    internal void OnPossibleLoss(RedisShare share, string description, DateTimeOffset? since)
    {
        if (since is { } moment)
        {
            _receiver!.OnPossibleLoss($"{share}: {description}", moment);
        }
        else
        {
            _receiver!.OnPossibleLoss($"{share}: {description}");
        }
    }

    internal void OnRefused(RedisShare share, string channel, BackplaneRefusedException cause) =>
        _receiver!.OnSubscriptionRefused(channel, (BackplaneRefusedException)Named(share, cause));

    private RedisShare Find(string channel)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        return _shares[_rendezvous.Find(channel)];
    }

    /// <summary>Names the server in an exception of its backplane, and keeps the exception's kind.</summary>
    private BackplaneUnavailableException Named(RedisShare share, BackplaneUnavailableException exception)
    {
        var message = $"{share}, one of {_shares.Length}: {exception.Message}";
        return exception is BackplaneRefusedException
            ? new BackplaneRefusedException(message, exception.InnerException)
            : new BackplaneUnavailableException(message, exception.InnerException);
    }

    private void ReportLocked()
    {
        if (!_started)
        {
            return;
        }

        var troubled = Array.FindAll(_shares, static share => share.IsInTrouble);
        if (troubled.Length == 0)
        {
            if (_saidAway)
            {
                _saidAway = false;
                _receiver!.OnAvailable();
            }

            return;
        }

        _saidAway = true;
        var cause = new BackplaneUnavailableException(
            $"{troubled.Length} of {_shares.Length} Redis servers {(troubled.Length == 1 ? "is" : "are")} away: {string.Join(", ", troubled.Select(static share => share.Trouble))}.",
            troubled is [var only] ? only.Cause : null);
        if (Array.TrueForAll(_shares, static share => share.IsAway))
        {
            _receiver!.OnUnavailable(cause);
        }
        else
        {
            _receiver!.OnPartlyUnavailable(cause);
        }
    }
}
