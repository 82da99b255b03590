namespace DistributedSockets;

/// <summary>Hears what <see cref="NatsPeers"/> learns about the servers of a cluster.</summary>
internal interface INatsPeersEvents
{
    /// <summary>No node answers through a server any more: they have left it, or it is cut off or gone.</summary>
    void OnSilent(string server);

    /// <summary>A node answers that was there all the while: its server had been cut off.</summary>
    void OnHeardAgain(string server, DateTimeOffset since);
}
