namespace DistributedSockets.Benchmarks.Load;

internal enum ConnectionState
{
    /// <summary>The answer to the handshake is awaited.</summary>
    Opening,

    /// <summary>The WebSocket is open.</summary>
    Open,

    /// <summary>The server has answered an echo, so it has done all that it does at a connect.</summary>
    Ready,

    /// <summary>Nothing is read from it, on purpose.</summary>
    Paused,

    /// <summary>It has ended.</summary>
    Closed,
}
