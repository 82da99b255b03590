namespace DistributedSockets;

/// <summary>What <see cref="LocalDelivery.Enqueue"/> has queued and <see cref="LocalDelivery.Start"/> has written. Hand it over once.</summary>
/// <param name="hub">The hub.</param>
/// <param name="recipients">A connection, a list of members, or a pooled list of either.</param>
/// <param name="count">How many queues took the frame.</param>
internal readonly struct QueuedFrames(HubConnections hub, object recipients, int count)
{
    internal HubConnections Hub => hub;

    /// <summary>Null if nobody was meant.</summary>
    internal object? Recipients => recipients;

    internal int Count => count;

    /// <summary>What to answer to the sender of a frame for one connection.</summary>
    internal RemoteCommandOutcome Confirmation => count > 0 ? RemoteCommandOutcome.Done
        : recipients is Connection { Queue.IsOpen: true } ? RemoteCommandOutcome.QueueFull
        : RemoteCommandOutcome.NotFound; // one that was full and is closed for it has begun to end, too
}
