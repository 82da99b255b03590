using System.Collections.ObjectModel;
using System.Net;
using System.Net.WebSockets;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace DistributedSockets;

/// <summary>One accepted WebSocket on this node, with what its handshake said.</summary>
/// <remarks>
/// Abstract so that handlers can be tested with a stand-in. All members may be used concurrently. As <see cref="SendOptions.OnBehalfOf"/> it has logged sends
/// refused once its session goes on with another connection.
/// </remarks>
public abstract class WebSocketConnection : IFencedSender
{
    /// <summary>The connection id, unique in the cluster: the node's id, a dot, and 128 random bits in base64url.</summary>
    /// <remarks>
    /// An address, not a credential: a client that knows one can do nothing with it. Never take one from a client as proof of who it is.
    /// </remarks>
    public abstract string Id { get; }

    /// <summary>The id of this node.</summary>
    public abstract string NodeId { get; }

    /// <summary>The hub.</summary>
    public abstract string Hub { get; }

    /// <summary>The user id, or <see langword="null"/> for an anonymous connection.</summary>
    public abstract string? UserId { get; }

    /// <summary>The principal at the handshake.</summary>
    public abstract ClaimsPrincipal User { get; }

    /// <summary>The headers of the handshake.</summary>
    public abstract IHeaderDictionary Headers { get; }

    /// <summary>The query of the handshake.</summary>
    public abstract IQueryCollection Query { get; }

    /// <summary>The values of the route by which the handshake came, such as <c>room</c> of <c>/rooms/{room}</c>; empty if the pattern has none.</summary>
    public virtual IReadOnlyDictionary<string, object?> RouteValues => ReadOnlyDictionary<string, object?>.Empty;

    /// <summary>The client's address, if the transport has one.</summary>
    public abstract IPAddress? RemoteIpAddress { get; }

    /// <summary>The subprotocol chosen, or <see langword="null"/>.</summary>
    public abstract string? SubProtocol { get; }

    /// <summary>When the connection was accepted.</summary>
    public abstract DateTimeOffset ConnectedAt { get; }

    /// <summary>
    /// When the authentication of this connection runs out, or <see langword="null"/> for never. At first that of the handshake's ticket; set
    /// it when the client has renewed it. The connection is closed then with 1008 if
    /// <see cref="HubOptions.CloseOnAuthenticationExpiry"/> says so, within a quarter of the shortest keep-alive time.
    /// </summary>
    public virtual DateTimeOffset? AuthenticationExpiresAt { get; set; }

    /// <summary>The session's properties, which all nodes see; empty at first, unless they were set before the handshake was answered.</summary>
    public virtual IReadOnlyDictionary<string, string> Properties { get; private protected set; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>A place for the app's own per-connection values. Not safe for concurrent writes.</summary>
    public abstract IDictionary<object, object?> Items { get; }

    /// <summary>How values are written as JSON for this client: the app's settings (<c>ConfigureJson</c>); of a stand-in <see cref="JsonSerializerOptions.Web"/>.</summary>
    public virtual JsonSerializerOptions JsonOptions => default(WebSocketMessage).JsonOptions;

    /// <summary>Cancelled when the connection ends, before <see cref="WebSocketHandler.OnDisconnectedAsync"/>.</summary>
    /// <remarks>
    /// Also when the client goes while the handler is busy: at once for a handler that awaits, and within a quarter of the shortest keep-alive
    /// time for one that keeps its thread.
    /// </remarks>
    public abstract CancellationToken Aborted { get; }

    /// <summary>Queues a message for this client, in order with all else sent to it. Dropped if the connection has ended.</summary>
    /// <param name="message">The message; copied before the call returns.</param>
    /// <param name="cancellationToken">Refuses the call when already cancelled.</param>
    /// <exception cref="ArgumentException">A text message is no valid UTF-8.</exception>
    public abstract ValueTask SendAsync(WebSocketMessage message, CancellationToken cancellationToken = default);

    /// <summary>Sends a word of the subprotocol itself, such as an answer to a request of it: as it is, where messages get a form of the <see cref="WebSocketProtocol"/>.</summary>
    /// <remarks>It keeps its place among what is sent here. It is never logged or sent again; while a client that resumes its session is behind, a message may overtake it.</remarks>
    /// <param name="message">The message.</param>
    /// <param name="cancellationToken">Looked at before the message is queued.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled before.</exception>
    public virtual ValueTask SendOfProtocolAsync(WebSocketMessage message, CancellationToken cancellationToken = default) => SendAsync(message, cancellationToken);

    /// <summary>Whether a message of the client was handled, as <see cref="SetHandled"/> was told: on this connection, or an earlier one of its session.</summary>
    /// <param name="messageId">The id that the client gave to it.</param>
    public virtual bool IsHandled(string messageId) => false;

    /// <summary>Notes that a message of the client was handled, so that a repeat is known. The last 1,000 are remembered, and go with the session to whichever node resumes it.</summary>
    /// <param name="messageId">The id that the client gave to it: 1 to 64 characters of ASCII without blanks.</param>
    /// <exception cref="ArgumentException">The id has another form.</exception>
    public virtual void SetHandled(string messageId)
    {
        // What is no connection of a client remembers nothing.
    }

    /// <summary>
    /// Waits until half of this client's queue is free, then queues a message: back-pressure, for a handler that streams to its own client
    /// faster than the client may read.
    /// </summary>
    /// <param name="message">The message; copied before the call returns.</param>
    /// <param name="cancellationToken">Ends the wait; nothing is queued then.</param>
    /// <remarks>
    /// The other half is left to what others send, so that a stream makes no slow consumer of its client. A message larger than that is
    /// queued when nothing else waits. Await each call before the next: those that wait at once get no order among each other.
    /// </remarks>
    /// <exception cref="ArgumentException">A text message is no valid UTF-8.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled, or the connection ends: there is nobody left to stream to.</exception>
    public virtual ValueTask SendWhenRoomAsync(WebSocketMessage message, CancellationToken cancellationToken = default) =>
        SendAsync(message, cancellationToken);

    /// <summary>Begins the close handshake, after what is queued. The client has the close timeout to read and to answer, then the connection is cut.</summary>
    /// <param name="closeStatus">The close code: 1000, 1001, 1003, 1007 to 1014, or 3000 to 4999.</param>
    /// <param name="reason">The reason, at most 123 bytes of UTF-8.</param>
    /// <param name="cancellationToken">Refuses the call when already cancelled.</param>
    /// <exception cref="ArgumentOutOfRangeException">The code may not be sent.</exception>
    /// <exception cref="ArgumentException">The reason is too long.</exception>
    public abstract ValueTask CloseAsync(
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure, string? reason = null, CancellationToken cancellationToken = default);

    /// <summary>Sets the session's properties, such as a display name or a status, in place of those it had.</summary>
    /// <remarks>
    /// They hold here when the call returns, and are written to the session store like a change of groups: shortly after it, in order, and again after
    /// an outage; from then on <see cref="ISessionDirectory"/> shows them on every node. To change one, copy <see cref="Properties"/>. Each
    /// change costs one write to the store, so they are for what changes now and then. After the connection has ended nothing is set any more.
    /// </remarks>
    /// <param name="properties">The properties, copied before the call returns; empty for none. <see cref="SessionProperties"/> has the limits.</param>
    /// <param name="cancellationToken">Refuses the call when already cancelled.</param>
    /// <exception cref="ArgumentException">There are too many, or a name or value is missing, too long or no text that UTF-8 can express.</exception>
    public virtual ValueTask SetPropertiesAsync(IReadOnlyDictionary<string, string> properties, CancellationToken cancellationToken = default)
    {
        var copy = SessionProperties.Copy(properties);
        cancellationToken.ThrowIfCancellationRequested();
        Properties = copy;
        return ValueTask.CompletedTask;
    }

    /// <summary>Cuts the connection at once, without a close frame.</summary>
    public abstract void Abort();

    /// <inheritdoc/>
    public virtual SessionFence? GetFence() => null;

    /// <summary>Whether an exception of the handler says no more than that this connection has begun to end.</summary>
    internal virtual bool IsOfEnding(Exception exception) => exception is OperationCanceledException && Aborted.IsCancellationRequested;

    /// <summary>Logs and counts an exception of a method of the handler, after which the connection goes on.</summary>
    internal virtual void ReportMethodFailure(string messageType, Exception exception)
    {
    }
}
