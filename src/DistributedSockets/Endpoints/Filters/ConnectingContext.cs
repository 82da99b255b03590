using Microsoft.AspNetCore.Http;

namespace DistributedSockets;

/// <summary>A handshake that has not been answered, and what the connection is to begin with. For the filters of one handshake; not safe for concurrent use.</summary>
public sealed class ConnectingContext
{
    private readonly Action<string?>? _onUser;
    private readonly ConnectionServices? _services;
    private HashSet<string>? _groups;
    private Dictionary<string, string>? _properties;

    /// <summary>Creates the context of a handshake, as a test of a filter does.</summary>
    /// <param name="httpContext">The request of the handshake.</param>
    /// <param name="hub">The hub.</param>
    /// <param name="userId">The user, if known: 1 to 256 bytes of UTF-8.</param>
    public ConnectingContext(HttpContext httpContext, string hub, string? userId = null)
        : this(httpContext, hub, userId, null, null, null)
    {
    }

    internal ConnectingContext(HttpContext httpContext, string hub, string? userId, string? subProtocol, Action<string?>? onUser, ConnectionServices? services)
    {
        ArgumentNullException.ThrowIfNull(httpContext);
        ArgumentNullException.ThrowIfNull(hub);
        HttpContext = httpContext;
        Hub = hub;
        UserId = userId;
        SubProtocol = subProtocol;
        _onUser = onUser;
        _services = services;
    }

    /// <summary>The request of the handshake, with its principal, headers, query, route values and services.</summary>
    public HttpContext HttpContext { get; }

    /// <summary>The hub.</summary>
    public string Hub { get; }

    /// <summary>
    /// The id that the connection will have, with the subprotocol that is chosen now: made when it is first asked for. A client that goes on with a session
    /// keeps that session's id instead.
    /// </summary>
    public string ConnectionId => IsResumable ? NewSessionId ??= SessionId.Create() : NewId ??= DistributedSockets.ConnectionId.Create(_services?.Node.Info.NodeId ?? "none");

    /// <summary>Gets or sets the user of the connection; at first the one that <see cref="IUserIdProvider"/> has named. <see langword="null"/> for an anonymous connection.</summary>
    /// <remarks>
    /// A user who is disconnected from when it is set closes the connection as soon as it is open. So set it before you ask whether the
    /// user may connect, and whoever is banned meanwhile does not slip through.
    /// </remarks>
    /// <exception cref="ArgumentException">It does not have 1 to 256 bytes of UTF-8.</exception>
    public string? UserId
    {
        get;
        set
        {
            if (value is not null)
            {
                Names.Check(value, nameof(value));
            }

            field = value;
            _onUser?.Invoke(value);
        }
    }

    /// <summary>The groups that the connection begins in: it is in them before the handshake is answered, so sends from every node reach it as soon as it is open.</summary>
    /// <value>Empty at first. Each has 1 to 256 bytes of UTF-8, and there may be as many as <see cref="HubOptions.MaxGroupsPerConnection"/> says.</value>
    public ISet<string> Groups => _groups ??= new(StringComparer.Ordinal);

    /// <summary>The properties that the session begins with, such as a display name; see <see cref="WebSocketConnection.SetPropertiesAsync"/>.</summary>
    /// <value>Empty at first. <see cref="SessionProperties"/> has the limits.</value>
    public IDictionary<string, string> Properties => _properties ??= new(StringComparer.Ordinal);

    /// <summary>The subprotocols that the client asks for, most wanted first.</summary>
    public IList<string> RequestedSubProtocols => HttpContext.WebSockets.WebSocketRequestedProtocols;

    /// <summary>
    /// Gets or sets the subprotocol of the connection; at first the first of <see cref="HandshakeOptions.SubProtocols"/> that the client asks for.
    /// <see langword="null"/> for none.
    /// </summary>
    /// <exception cref="ArgumentException">The client did not ask for it, and would refuse it (RFC 6455 section 4.1).</exception>
    public string? SubProtocol
    {
        get;
        set
        {
            if (value is not null && !RequestedSubProtocols.Contains(value))
            {
                throw new ArgumentException(
                    $"The client did not ask for the subprotocol '{value}', and would refuse it. Choose one of RequestedSubProtocols, or null for none.", nameof(value));
            }

            field = value;
        }
    }

    /// <summary>Whether the handshake has been refused.</summary>
    public bool IsRefused => Refusal is not null;

    internal Refusal? Refusal { get; private set; }

    /// <summary>The id of a connection without a session, if somebody has asked for it.</summary>
    internal string? NewId { get; private set; }

    /// <summary>The id of a new session, if somebody has asked for it.</summary>
    internal string? NewSessionId { get; private set; }

    private bool IsResumable => _services is { Options.EnableResume: true } services && services.Protocols.Find(SubProtocol)?.Protocol is ResumableWebSocketProtocol;

    /// <summary>Refuses the handshake. The filters behind this one do not run, and nobody is told of the connection.</summary>
    /// <param name="statusCode">The status of the answer, 400 to 599. 429 and 503 carry <c>Retry-After</c>. Headers may be set on the response.</param>
    /// <param name="reason">Why, in words that the client may read: it is the body of the answer, and it is logged. Browsers show neither to a page.</param>
    /// <exception cref="ArgumentOutOfRangeException">The status is another one: a client that opens a WebSocket follows no redirect.</exception>
    public void Refuse(int statusCode, string reason)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(statusCode, StatusCodes.Status400BadRequest);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(statusCode, 599);
        ArgumentException.ThrowIfNullOrEmpty(reason);
        Refusal = new(statusCode, reason, RefusalKind.App, $"A connection filter of the app said no: \"{reason}\".");
    }

    /// <summary>The properties that the session begins with, checked by <see cref="Complete"/>.</summary>
    internal IReadOnlyDictionary<string, string>? CheckedProperties { get; private set; }

    /// <summary>Takes what the filters have set, or refuses what cannot be.</summary>
    /// <exception cref="ArgumentException">The properties go beyond a limit.</exception>
    /// <exception cref="InvalidOperationException">There are too many groups, or one has a name of another form.</exception>
    internal void Complete(int maxGroups)
    {
        CheckedProperties = _properties is { Count: > 0 } ? SessionProperties.Copy(_properties) : null;
        if (_groups is null)
        {
            return;
        }

        if (_groups.Count > maxGroups)
        {
            throw new InvalidOperationException(
                $"The connection filters put a connection into {_groups.Count} groups, and it may be in {maxGroups}. Use fewer, or raise HubOptions.MaxGroupsPerConnection.");
        }

        foreach (var group in _groups)
        {
            if ((group is null ? "Its name is null." : Names.Problem(group)) is { } problem)
            {
                throw new InvalidOperationException($"The connection filters put a connection into a group that cannot be. {problem}");
            }
        }
    }

    /// <summary>The groups with their channels.</summary>
    internal (string Group, string Channel)[] GroupsOf(HubConnections hub) =>
        _groups is { Count: > 0 } groups ? [.. groups.Select(group => (group, hub.GroupChannel(group)))] : [];
}
