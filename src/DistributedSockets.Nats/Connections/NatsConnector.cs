using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>One connection to NATS: the app's, or one of our own that is opened when first asked for.</summary>
/// <remarks>Disposes only what it created. The connection reconnects by itself once it has been open.</remarks>
internal sealed class NatsConnector : IAsyncDisposable
{
    internal static readonly TimeSpan DefaultOperationTimeout = TimeSpan.FromSeconds(1.5);

    private static readonly TimeSpan ReconnectWait = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan PingInterval = TimeSpan.FromSeconds(5);

    private readonly NatsConnection? _owned;

    /// <param name="options">Which connection.</param>
    /// <param name="name">How a connection of our own is named on the server, unless its configuration says so.</param>
    /// <param name="makesRequests">Whether answers are expected, for which the client subscribes to an inbox.</param>
    /// <param name="onRefusal">
    /// Hears, over a connection of our own, what the server refuses, before anything is handed over that the server has sent afterwards. The
    /// client's event tells it again.
    /// </param>
    public NatsConnector(INatsConnectionOptions options, string name, bool makesRequests, Action<string>? onRefusal = null)
    {
        if (options.Connection is null)
        {
            var configuration = Prepare(options.Configuration ?? NatsOpts.Default with { Url = options.Url! }, options.OperationTimeout, name, makesRequests);
            _owned = new NatsConnection(onRefusal is null
                ? configuration
                : configuration with { LoggerFactory = new NatsErrorLog(configuration.LoggerFactory, onRefusal) });
        }

        Connection = _owned ?? options.Connection!;
    }

    /// <summary>Whether the connection is ours to close.</summary>
    public bool IsOwned => _owned is not null;

    /// <summary>The connection, in whatever state.</summary>
    public INatsConnection Connection { get; }

    public bool IsConnected => Connection.ConnectionState == NatsConnectionState.Open;

    /// <summary>Opens the connection, or waits until it has reconnected.</summary>
    /// <exception cref="NatsException">It could not be opened. The next call tries again.</exception>
    public Task ConnectAsync()
    {
        var connecting = Connection.ConnectAsync().AsTask();
        connecting.Observe();
        return connecting;
    }

    public ValueTask DisposeAsync() => _owned?.DisposeAsync() ?? ValueTask.CompletedTask;

    private static NatsOpts Prepare(NatsOpts configuration, TimeSpan timeout, string name, bool makesRequests)
    {
        var defaults = NatsOpts.Default;
        if (!makesRequests)
        {
            // In this mode the client subscribes to its inbox with the first request only: whoever makes none needs no right to it. Else the
            // mode is left alone, as setting it, also to its default, changes what becomes of a request that nobody answers.
            configuration = configuration with { RequestReplyMode = NatsRequestReplyMode.SharedInbox };
        }

        return configuration with
        {
            Url = NatsUrls.Normalize(configuration.Url),
            Name = configuration.Name == defaults.Name ? name : configuration.Name,

            // A node must come back by itself however long the outage was, also from a wrong password that has been put right on the server.
            RetryOnInitialConnect = false,
            MaxReconnectRetry = -1,
            IgnoreAuthErrorAbort = true,
            ReconnectWaitMin = configuration.ReconnectWaitMin == defaults.ReconnectWaitMin ? ReconnectWait : configuration.ReconnectWaitMin,
            CommandTimeout = configuration.CommandTimeout == defaults.CommandTimeout ? timeout : configuration.CommandTimeout,
            PingInterval = configuration.PingInterval == defaults.PingInterval ? PingInterval : configuration.PingInterval,
        };
    }
}
