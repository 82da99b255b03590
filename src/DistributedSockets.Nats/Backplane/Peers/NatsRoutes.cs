namespace DistributedSockets;

/// <summary>Tells when the server that this node is connected to has lost another one of its cluster for a moment.</summary>
/// <remarks>
/// What nodes there publish meanwhile is lost without an error, and <see cref="NatsPeers"/> sees nothing of it between two questions. A server
/// sends its clients an INFO with the addresses of its cluster when it loses another one, and when it has found it again; the client keeps the
/// last INFO. So another one that names the same addresses tells of a break.
/// </remarks>
internal sealed class NatsRoutes(TimeProvider time)
{
    private NatsEpoch? _epoch;
    private string[]? _addresses;
    private long _lookedAt;

    /// <summary>Looks at the last INFO, and tells since when another server may have been lost, if it has been found again since the last look.</summary>
    /// <param name="epoch">The connection that the INFO came over. Nothing is said about what was before it.</param>
    /// <param name="addresses">The addresses that it names; another array for another INFO.</param>
    /// <returns>How long ago that was, or <see langword="null"/>.</returns>
    public TimeSpan? Look(NatsEpoch? epoch, string[]? addresses)
    {
        var now = time.GetTimestamp();
        var isBreak = epoch == _epoch && addresses is not null && _addresses is not null && !ReferenceEquals(addresses, _addresses)
            && addresses.Length == _addresses.Length && !addresses.Except(_addresses).Any();
        var since = time.GetElapsedTime(_lookedAt, now);
        (_epoch, _addresses, _lookedAt) = (epoch, addresses, now);
        return isBreak ? since : null;
    }
}
