namespace DistributedSockets;

/// <summary>What all connections of a node share: each holds one reference to it instead of six.</summary>
internal sealed class ConnectionServices(
    LocalNode node, DistributedWebSocketsOptions options, TimeProvider time, DistributedWebSocketsMetrics metrics, ConnectionLog log, FrameDeflater deflater)
{
    internal LocalNode Node => node;

    internal DistributedWebSocketsOptions Options => options;

    internal TimeProvider Time => time;

    internal DistributedWebSocketsMetrics Metrics => metrics;

    internal ConnectionLog Log => log;

    internal FrameDeflater Deflater => deflater;
}
