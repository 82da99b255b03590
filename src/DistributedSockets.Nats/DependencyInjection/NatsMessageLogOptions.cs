using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>Settings of the NATS message log, which needs JetStream.</summary>
/// <remarks>
/// Set exactly one of <see cref="Url"/>, <see cref="Configuration"/> and <see cref="Connection"/>.
/// The prefix of every name is <see cref="DistributedWebSocketsClusterOptions.Prefix"/>. Bound from the configuration section
/// <c>DistributedWebSockets:Nats</c>; read once, at construction.
/// </remarks>
public sealed class NatsMessageLogOptions : INatsConnectionOptions
{
    /// <inheritdoc cref="NatsSessionStoreOptions.Url"/>
    public string? Url { get; set; }

    /// <inheritdoc cref="NatsSessionStoreOptions.Configuration"/>
    public NatsOpts? Configuration { get; set; }

    /// <inheritdoc cref="NatsSessionStoreOptions.Connection"/>
    public INatsConnection? Connection { get; set; }

    /// <summary>Gets or sets how long one exchange with NATS may take. An append completes or throws within it; a read may take that long for each of several.</summary>
    /// <value>The default is 1.5 seconds; 100 milliseconds to 60 seconds.</value>
    public TimeSpan OperationTimeout { get; set; } = NatsConnector.DefaultOperationTimeout;

    /// <summary>Gets or sets where the server keeps the log.</summary>
    /// <value>The default is <see cref="NatsStorage.File"/>, which a restart of the server keeps.</value>
    /// <remarks>Applies when a hub's stream is created, by the first node that needs it. Existing ones are used as they are.</remarks>
    public NatsStorage LogStorage { get; set; } = NatsStorage.File;

    /// <summary>Gets or sets on how many servers of a NATS cluster the log is kept.</summary>
    /// <value>The default is 1; 1 to 5. Three survive the loss of one server with a pause of a few seconds, and lose nothing.</value>
    /// <remarks>Applies when a hub's stream is created, by the first node that needs it. Existing ones are used as they are.</remarks>
    public int LogReplicas { get; set; } = 1;

    /// <summary>Gets or sets how many bytes the log of one hub may take in all on a server. Beyond it the oldest entries go, whatever their targets.</summary>
    /// <value>The default is 0: what JetStream may use is the limit, and an append beyond it fails. Else 1 MiB or more.</value>
    /// <remarks>A bound for what is kept by age alone: entries of several targets. The same on all nodes.</remarks>
    public long MaxLogBytes { get; set; }

    /// <summary>Gets or sets how many bytes of entries may wait for their confirmation at once. Further appends fail.</summary>
    /// <value>The default is 64 MiB; 1 MiB to 2 GiB less one byte. An entry that waits alone may be larger.</value>
    public int MaxPendingBytes { get; set; } = 64 * 1024 * 1024;
}
