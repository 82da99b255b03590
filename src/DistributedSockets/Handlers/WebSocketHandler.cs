namespace DistributedSockets;

/// <summary>Handles one connection. Made for inheritance: one instance per connection, created in the connection's own service scope.</summary>
/// <remarks>
/// The members are called one after the other, never concurrently. An exception closes the connection with 1011, or with 1013 (try again later)
/// in <see cref="OnConnectedAsync"/>, and harms nothing else. One exception is forgiven unless
/// <see cref="HubOptions.CloseOnSendFailure"/> says otherwise: the <see cref="BackplaneUnavailableException"/> of a send, whose
/// receivers on this node were served. It is logged once in a while and counted, the rest of that call does not run, and the connection stays
/// open. So join groups before you send.
/// </remarks>
public abstract class WebSocketHandler
{
    private WebSocketConnection? _connection;

    /// <summary>The connection. Available from <see cref="OnConnectedAsync"/> on, not in the constructor.</summary>
    /// <remarks>A test of a handler alone gives it a stand-in, by <c>WithConnection</c> of the package <c>DistributedSockets.Testing</c>.</remarks>
    /// <exception cref="InvalidOperationException">It is too early.</exception>
    public WebSocketConnection Connection
    {
        get => _connection ?? throw new InvalidOperationException("The connection is not known in the constructor. Use it from OnConnectedAsync on.");
        internal set
        {
            ArgumentNullException.ThrowIfNull(value);
            if (Interlocked.CompareExchange(ref _connection, value, null) is not null)
            {
                throw new InvalidOperationException("The handler has its connection already; each connection needs a handler of its own.");
            }
        }
    }

    internal bool HasConnection => _connection is not null;

    /// <summary>The handshake is done; the connection can be sent to. The first message is handed over when this has completed.</summary>
    /// <param name="cancellationToken">Cancelled when the connection ends.</param>
    public virtual ValueTask OnConnectedAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>
    /// A whole message arrived. The next one is handed over when this has completed, and not read before, unless the client has been asked
    /// something (<see cref="IWebSocketRouter.AskAsync"/>). A client that closes meanwhile is answered then, but after
    /// <see cref="HubOptions.CloseTimeout"/> at the latest.
    /// </summary>
    /// <param name="message">The message, borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Cancelled when the connection ends.</param>
    public virtual ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>
    /// The connection has ended and left its groups. Called exactly once if <see cref="OnConnectedAsync"/> was called, when what was called
    /// before has returned.
    /// </summary>
    /// <param name="reason">How it ended.</param>
    /// <remarks>
    /// A session that can be resumed (<see cref="HubOptions.EnableResume"/>) has a handler for each of its connections. This call is about the connection: unless the app has
    /// closed it, the session is away by then and stays in its groups. That a session began or ended is told to <see cref="IClusterObserver"/>, once each.
    /// </remarks>
    public virtual ValueTask OnDisconnectedAsync(DisconnectReason reason) => ValueTask.CompletedTask;
}
