using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>One unbroken connection to one server. What was sent in another may be lost.</summary>
/// <param name="Server">The server's id.</param>
/// <param name="Client">The number that the server has given this connection; none is used twice.</param>
internal readonly record struct NatsEpoch(string Server, ulong Client)
{
    /// <summary>The epoch as the client knows it, which learns of a new one before it reads anything else from the new connection.</summary>
    public static NatsEpoch? Of(INatsServerInfo? info) => info is null ? null : new(info.Id, info.ClientId);
}
