using System.Text.Json;

namespace DistributedSockets;

/// <summary>What all connections of a hub share on this node: each holds one reference to it instead of eight.</summary>
internal sealed class ConnectionServices(
    LocalNode node,
    HubOptions options,
    long maxQueuedBytes,
    TimeProvider time,
    DistributedWebSocketsMetrics metrics,
    ConnectionLog log,
    FrameDeflater deflater,
    JsonSerializerOptions json)
{
    internal LocalNode Node => node;

    /// <summary>The options of the hub.</summary>
    internal HubOptions Options => options;

    /// <summary>How many bytes of frames may wait in the process, for the connections of all hubs together.</summary>
    internal long MaxQueuedBytes => maxQueuedBytes;

    internal TimeProvider Time => time;

    internal DistributedWebSocketsMetrics Metrics => metrics;

    internal ConnectionLog Log => log;

    internal FrameDeflater Deflater => deflater;

    /// <summary>The subprotocols of the hub.</summary>
    internal HubProtocols Protocols { get; } = new(options, deflater, log);

    /// <summary>How values are read and written as JSON.</summary>
    internal JsonSerializerOptions Json => json;

    /// <summary>The same for the connections of a hub.</summary>
    internal ConnectionServices For(HubConnections hub) => new(node, hub.Options, maxQueuedBytes, time, metrics, log, hub.Deflater, json);

    /// <summary>Whether a handler may let an exception through and keep its connection: that of a send, which has reached those who are here, or which the log did not take.</summary>
    /// <remarks>Not that of a join or another command: it has not been done, and a connection that goes on without it would miss its group for ever.</remarks>
    internal bool IsForgiven(Exception exception) =>
        exception is BackplaneUnavailableException { QueuedHere: not null } or MessageLogUnavailableException { IsSend: true } && !options.CloseOnSendFailure;

    internal void ReportFailedSend(string connectionId, Exception exception)
    {
        metrics.UncaughtSendFailed();
        log.SendFailed(connectionId, exception);
    }
}
