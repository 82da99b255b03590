using Microsoft.AspNetCore.Http;

namespace DistributedSockets.WebPubSub;

/// <summary>A client that wants to connect, and what it is to begin with.</summary>
public sealed class WebPubSubConnectContext : WebPubSubClientContext
{
    private readonly ClientHandshake _handshake;

    internal WebPubSubConnectContext(ClientHandshake handshake, in EventClient client, IServiceProvider services)
        : base(client, services) => _handshake = handshake;

    /// <summary>The request of the handshake. Its response is not yet answered; leave it alone but for headers.</summary>
    public HttpContext HttpContext => _handshake.HttpContext;

    /// <summary>The claims of the token, in its order; one for each item of a list.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Claims => _handshake.Claims;

    /// <summary>The subprotocols that the client asks for, most wanted first.</summary>
    public IReadOnlyList<string> RequestedSubProtocols => [.. _handshake.RequestedSubProtocols];

    /// <summary>Gets or sets the user; at first that of the token.</summary>
    /// <exception cref="ArgumentException">It is empty.</exception>
    public new string? UserId
    {
        get => _handshake.UserId;
        set
        {
            if (value is { Length: 0 })
            {
                throw new ArgumentException("A user id has at least one character. Use null for an anonymous connection.", nameof(value));
            }

            _handshake.UserId = value;
        }
    }

    /// <summary>Gets or sets the subprotocol; at first the first that the client asks for and that is spoken here.</summary>
    /// <exception cref="ArgumentException">The client did not ask for it.</exception>
    public new string? SubProtocol
    {
        get => _handshake.SubProtocol;
        set => _handshake.SubProtocol = value;
    }

    /// <summary>The roles, such as <c>webpubsub.sendToGroup.lobby</c>; at first those of the token.</summary>
    public IList<string> Roles => _handshake.Roles;

    /// <summary>The groups that it is in from the beginning; at first those of the token.</summary>
    public ISet<string> Groups => _handshake.Groups;

    /// <summary>Whether the client has been refused.</summary>
    public bool IsRefused { get; private set; }

    /// <summary>Refuses the client. Nobody else is asked then.</summary>
    /// <param name="statusCode">The status of the answer, 400 to 599.</param>
    /// <param name="reason">Why, in words that the client may read.</param>
    /// <exception cref="ArgumentOutOfRangeException">The status is another one.</exception>
    public void Refuse(int statusCode, string reason)
    {
        _handshake.Refuse(statusCode, reason);
        IsRefused = true;
    }
}
