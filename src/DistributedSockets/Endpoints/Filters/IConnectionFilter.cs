namespace DistributedSockets;

/// <summary>Decides whether a handshake becomes a connection, and what that begins with, before the handshake is answered.</summary>
/// <remarks>
/// <para>Added with <see cref="HandshakeOptions.AddConnectionFilter{TFilter}"/> to all hubs, to one hub, or to one endpoint. The filters of a handshake
/// run one after the other, in the order in which they were added, those for all hubs first, then those of the hub, then those of the endpoint.
/// They run when the limits of the process and the <c>Origin</c> have been checked and <see cref="IUserIdProvider"/> has named the user, and
/// before the user's connections are counted.</para>
/// <para>One instance per handshake, from the request's services, where a filter may also be registered; it may be disposed with the handshake.</para>
/// </remarks>
public interface IConnectionFilter
{
    /// <summary>Lets the handshake pass, changes what the connection begins with, or refuses it.</summary>
    /// <param name="context">The handshake, and what the connection is to be.</param>
    /// <param name="cancellationToken">
    /// Cancelled when the client has gone, or when all filters together have taken <see cref="HandshakeOptions.ConnectionFilterTimeout"/>: the handshake
    /// has been answered with 503 then, and whatever the filter still does is for nothing.
    /// </param>
    /// <returns>A task; the next filter runs when it has completed, unless the handshake has been refused or answered.</returns>
    /// <remarks>
    /// If it throws, the handshake is refused: with 503, so that clients come again, if a backplane or session store is away
    /// (<see cref="BackplaneUnavailableException"/>, <see cref="SessionStoreUnavailableException"/>), and else with 500. The exception is logged and
    /// not told to the client.
    /// </remarks>
    ValueTask OnConnectingAsync(ConnectingContext context, CancellationToken cancellationToken);
}
