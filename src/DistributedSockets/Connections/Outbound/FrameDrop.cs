namespace DistributedSockets;

/// <summary>Why an outbound queue dropped frames.</summary>
internal enum FrameDrop
{
    /// <summary>The client reads too slowly: the queue was full.</summary>
    QueueFull,

    /// <summary>The socket got to it later than its time to live allows.</summary>
    Expired,

    /// <summary>A newer message of the same conflation key came before the socket got to it.</summary>
    Conflated,
}
