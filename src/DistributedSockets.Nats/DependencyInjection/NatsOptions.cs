using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>Settings of the NATS backplane, the NATS message log and the NATS session store at once.</summary>
/// <remarks>
/// Set exactly one of <see cref="Url"/>, <see cref="Configuration"/> and <see cref="Connection"/>.
/// The prefix of every name is <see cref="DistributedWebSocketsClusterOptions.Prefix"/>. Bound from the configuration section
/// <c>DistributedWebSockets:Nats</c>; read once, at construction.
/// </remarks>
public sealed class NatsOptions : INatsConnectionOptions
{
    /// <summary>Gets or sets the address of the NATS server, such as <c>nats://nats.example.com:4222</c>; several are separated by commas.</summary>
    /// <value>There is no default: a wrong host must not look like an empty cluster.</value>
    /// <remarks>The connection is ours: opened at start, closed at the end. See <see cref="Configuration"/> for what we set in it.</remarks>
    public string? Url { get; set; }

    /// <summary>Gets or sets the configuration of the NATS client, for what an address cannot say, such as credentials and TLS.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    /// <remarks>
    /// Copied. In the copy <see cref="NatsOpts.MaxReconnectRetry"/> is unlimited, <see cref="NatsOpts.IgnoreAuthErrorAbort"/> is on and
    /// <see cref="NatsOpts.RetryOnInitialConnect"/> is off, so that an outage neither stops the host nor outlasts its cause. Where they are left at
    /// their defaults, <see cref="NatsOpts.ReconnectWaitMin"/> becomes 200 ms, <see cref="NatsOpts.PingInterval"/> 5 s,
    /// <see cref="NatsOpts.CommandTimeout"/> is <see cref="OperationTimeout"/>, and <see cref="NatsOpts.Name"/> says what the connection is for.
    /// </remarks>
    public NatsOpts? Configuration { get; set; }

    /// <summary>Gets or sets a connection of the app.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    /// <remarks>It stays the app's: it is opened if it is not yet, but never disposed, reconfigured or made to reconnect here.</remarks>
    public INatsConnection? Connection { get; set; }

    /// <summary>Gets or sets how long one exchange with NATS may take.</summary>
    /// <value>The default is 1.5 seconds; 100 milliseconds to 60 seconds.</value>
    public TimeSpan OperationTimeout { get; set; } = NatsConnector.DefaultOperationTimeout;
}
