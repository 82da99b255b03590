namespace DistributedSockets.Benchmarks.Load;

/// <summary>What a message without a payload calls for.</summary>
internal enum Answer
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The server takes operations from now on.</summary>
    Open,

    /// <summary>The greeting.</summary>
    Greeting,

    /// <summary>The answer to a ping of the protocol above WebSocket.</summary>
    Pong,

    /// <summary>The server reports a failure.</summary>
    Failure,
}
