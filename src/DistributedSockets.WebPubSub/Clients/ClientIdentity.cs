namespace DistributedSockets.WebPubSub;

/// <summary>Who connects, as the endpoint has found out: a feature of the request until the connection's filter has taken it.</summary>
internal sealed class ClientIdentity(AccessToken? token)
{
    /// <summary>The token; null for an anonymous client.</summary>
    internal AccessToken? Token => token;
}
