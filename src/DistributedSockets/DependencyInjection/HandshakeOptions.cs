using System.Diagnostics.CodeAnalysis;

namespace DistributedSockets;

/// <summary>Which handshakes an endpoint takes, and how it answers them. Read once, when the endpoint is mapped.</summary>
/// <remarks>An endpoint begins with what its hub has, and <c>MapDistributedWebSocket</c> changes it for this endpoint alone.</remarks>
public class HandshakeOptions
{
    /// <summary>Gets the origins from which browsers may connect besides the request's own host; <c>*</c> allows any.</summary>
    /// <value>
    /// Empty by default. Each is <c>scheme://host[:port]</c> with any scheme, such as <c>https://app.example</c> or <c>capacitor://localhost</c>; case and
    /// a default port make no difference, and <c>wss</c> stands for <c>https</c>. What no client could send stops the start.
    /// </value>
    public IList<string> AllowedOrigins { get; } = [];

    /// <summary>Gets the subprotocols this node speaks, most wanted first; the first that the client asks for is chosen.</summary>
    /// <value>Empty by default.</value>
    public IList<string> SubProtocols { get; } = [];

    /// <summary>Gets or sets whether a client that asks for subprotocols none of which is chosen is refused with 400.</summary>
    /// <value>
    /// The default is <see langword="false"/>: it is accepted without one, and left to decide for itself. Browsers are to fail such a connection,
    /// with close code 1006 and without a reason; many programs go on.
    /// </value>
    /// <remarks>A client that asks for none is accepted in either case. A connection filter may choose for a client, or refuse it.</remarks>
    public bool RefuseUnknownSubProtocols { get; set; }

    /// <summary>Gets or sets how long the connection filters of one handshake may take together; one that takes longer is refused with 503.</summary>
    /// <value>The default is 10 seconds; 100 milliseconds to 5 minutes.</value>
    public TimeSpan ConnectionFilterTimeout { get; set; } = TimeSpan.FromSeconds(10);

    internal List<ConnectionFilterActivator> Filters { get; } = [];

    /// <summary>Adds a filter, which decides about handshakes before they are answered. Adding one that is there already changes nothing.</summary>
    /// <typeparam name="TFilter">The filter: an instance for each handshake, from the request's services, or created with what its constructor wants from there.</typeparam>
    public void AddConnectionFilter<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TFilter>()
        where TFilter : class, IConnectionFilter
    {
        if (!Filters.Exists(static known => known is ConnectionFilterActivator<TFilter>))
        {
            Filters.Add(new ConnectionFilterActivator<TFilter>());
        }
    }

    /// <summary>Adds a filter that is a function, which decides about handshakes before they are answered.</summary>
    /// <param name="filter">Does what <see cref="IConnectionFilter.OnConnectingAsync"/> says; called for several handshakes at once.</param>
    public void AddConnectionFilter(Func<ConnectingContext, CancellationToken, ValueTask> filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        Filters.Add(new ConnectionFilterFunction(filter));
    }
}
