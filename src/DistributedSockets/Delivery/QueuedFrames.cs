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
}
