namespace DistributedSockets;

/// <summary>Is told what a message reader has read.</summary>
internal interface IMessageReaderOwner
{
    /// <summary>Whether a handler is busy, although more is read meanwhile.</summary>
    bool IsHandling { get; }

    /// <summary>A whole message arrived, which the owner has to release. The next one waits until the task completes.</summary>
    ValueTask OnMessageAsync(ReceivedMessage message);

    /// <summary>Nothing is read for a while, so a client that goes is not noticed here.</summary>
    void OnPaused();

    /// <summary>The client's close frame arrived. Nothing more is read.</summary>
    Task OnCloseReceivedAsync();

    /// <summary>The client did what it may not, such as going beyond a limit. What still comes is read only to find its close frame.</summary>
    void OnViolation(DisconnectReason reason);
}
