namespace DistributedSockets;

/// <summary>Is told what happens to an outbound queue. Called outside its lock.</summary>
internal interface IOutboundQueueOwner
{
    /// <summary>The queue was full and the policy is to close.</summary>
    void OnQueueFull();

    /// <summary>The transport refused a write; the queue takes no more.</summary>
    void OnWriteFailed(Exception exception);

    /// <summary>Frames that had been queued, or were to be, are not written.</summary>
    void OnFramesDropped(int count, FrameDrop cause);
}
