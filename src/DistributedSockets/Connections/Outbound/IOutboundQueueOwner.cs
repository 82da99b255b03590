namespace DistributedSockets;

/// <summary>Is told what happens to an outbound queue. Called outside its lock.</summary>
internal interface IOutboundQueueOwner
{
    /// <summary>The queue was full and the policy is to close.</summary>
    void OnQueueFull();

    /// <summary>The transport refused a write; the queue takes no more.</summary>
    void OnWriteFailed(Exception exception);

    /// <summary>Frames were dropped because the client reads too slowly.</summary>
    void OnFramesDropped(int count);
}
