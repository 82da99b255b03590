using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;

namespace DistributedSockets;

/// <summary>Reaches the connections, users and groups of one hub, wherever in the cluster they are.</summary>
/// <remarks>
/// <para>Sending is at most once. What one node sends to one target arrives at every receiver in the same order, which is
/// that of the calls; several users, groups or connections are one target as long as the same ones are named. Between other
/// targets there is no order across nodes. A send completes when the targets on this node are queued and the backplane has
/// taken the envelope for the other nodes; it does not wait for any client.</para>
/// <para>Injected as itself it speaks to the hub <c>default</c>; <see cref="IWebSocketRouter{THandler}"/> speaks to a handler's
/// hub, and <see cref="IWebSocketRouterFactory"/> to a hub by name. Group names, user ids and connection ids are compared
/// ordinally; names have 1 to 256 bytes of UTF-8. All members may be called concurrently.</para>
/// <para>Who implements it for a test needs <see cref="Hub"/> and the two sends; everything else throws
/// <see cref="NotSupportedException"/> unless implemented, and so will what is added later. The short forms that most apps call, such as
/// <c>SendToUserAsync</c>, are in <see cref="WebSocketRouterExtensions"/>.</para>
/// </remarks>
public interface IWebSocketRouter
{
    /// <summary>The name of the hub.</summary>
    string Hub { get; }

    /// <summary>What the hub has logged, to be read again.</summary>
    /// <exception cref="InvalidOperationException">The hub has no log in this process. Set <c>HubOptions.EnableLog</c>.</exception>
    IHubLog Log => throw NotSupported(nameof(Log));

    /// <summary>Sends a message to a target, and says what came of it. A connection that the target names twice gets one copy.</summary>
    /// <param name="target">Who gets it. Unknown connections, users and groups are no error.</param>
    /// <param name="message">The message. Borrowed until the returned task completes.</param>
    /// <param name="options">How to send it; <see langword="default"/> for nothing special.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <returns>At how many connections of this node it was queued, and what became of it elsewhere.</returns>
    /// <exception cref="ArgumentException">A name or key has another form, a text message is no valid UTF-8, or the message is too large for an envelope. Nothing was sent.</exception>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    /// <exception cref="MessageLogUnavailableException">
    /// The send is a logged one, and the log did not take it, so that it reached nobody; or did not answer, so that it may reach all or nobody. The
    /// exception says which.
    /// </exception>
    /// <exception cref="StaleFenceException">The options say on whose behalf it is sent, and that session goes on elsewhere or has ended. Nothing was sent.</exception>
    /// <exception cref="InvalidOperationException">The options ask for a log, and the hub has none in this process. Nothing was sent.</exception>
    [OverloadResolutionPriority(1)]
    ValueTask<SendResult> SendAsync(WebSocketTarget target, WebSocketMessage message, SendOptions options, CancellationToken cancellationToken = default);

    /// <summary>Sends a value as a text message in JSON, and says what came of it. Strings go as text, and <c>byte[]</c> and byte memory as binary, unchanged.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="target">Who gets it.</param>
    /// <param name="value">The value.</param>
    /// <param name="options">How to send it; <see langword="default"/> for nothing special.</param>
    /// <param name="jsonTypeInfo">How to write it; <see langword="null"/> for the options' serializer settings.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <returns>At how many connections of this node it was queued, and what became of it elsewhere.</returns>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    /// <exception cref="MessageLogUnavailableException">As for a message.</exception>
    /// <exception cref="NotSupportedException">The serializer settings do not know <typeparamref name="T"/>.</exception>
    ValueTask<SendResult> SendAsync<T>(
        WebSocketTarget target, T value, SendOptions options, JsonTypeInfo<T>? jsonTypeInfo = null, CancellationToken cancellationToken = default);

    /// <summary>Sends a message to one connection, wherever it lives, and has its node say whether it was queued; or to one session that can be resumed, and says whether it is logged for it.</summary>
    /// <param name="connectionId">The connection.</param>
    /// <param name="message">The message. Borrowed until the returned task completes.</param>
    /// <param name="options">How to send it, without excluded connections.</param>
    /// <param name="cancellationToken">Ends the wait; the message may still arrive.</param>
    /// <returns>What the connection's node says, or that it did not answer within <c>RemoteCommandTimeout</c>.</returns>
    /// <remarks>
    /// For a connection of another node it costs a round trip over the backplane. Among sends that are awaited one after the other the order
    /// is kept; a send that begins while this one is under way may overtake it. To a session that can be resumed the message is logged like any other, if its record says that it
    /// has not ended, and nobody is asked: <see cref="ConfirmedSendOutcome.Logged"/>. With <see cref="SendOptions.IsLogged"/> off the node that has its connection is asked, and
    /// one whose client is away is not found.
    /// </remarks>
    /// <exception cref="ArgumentException">
    /// A text message is no valid UTF-8, it is too large for an envelope, or the options exclude connections, or ask for the log or have a key though it is no such session. Nothing was sent.
    /// </exception>
    /// <exception cref="BackplaneUnavailableException">The connection is on another node and the backplane is away, here or there.</exception>
    /// <exception cref="MessageLogUnavailableException">It is a session that can be resumed, and its record cannot be read, or the log did not take the message, or did not say so.</exception>
    /// <exception cref="StaleFenceException">As for a send.</exception>
    [OverloadResolutionPriority(1)]
    ValueTask<ConfirmedSendOutcome> SendConfirmedAsync(
        string connectionId, WebSocketMessage message, SendOptions options = default, CancellationToken cancellationToken = default) =>
        throw NotSupported(nameof(SendConfirmedAsync));

    /// <summary>Sends a value to one connection, as text, binary or JSON like any send, and has its node say whether it was queued.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="connectionId">The connection.</param>
    /// <param name="value">The value.</param>
    /// <param name="options">How to send it, without excluded connections.</param>
    /// <param name="jsonTypeInfo">How to write it; <see langword="null"/> for the options' serializer settings.</param>
    /// <param name="cancellationToken">Ends the wait; the message may still arrive.</param>
    /// <returns>What the connection's node says, or that it did not answer within <c>RemoteCommandTimeout</c>.</returns>
    /// <exception cref="BackplaneUnavailableException">The connection is on another node and the backplane is away, here or there.</exception>
    /// <exception cref="NotSupportedException">The serializer settings do not know <typeparamref name="T"/>.</exception>
    ValueTask<ConfirmedSendOutcome> SendConfirmedAsync<T>(
        string connectionId, T value, SendOptions options = default, JsonTypeInfo<T>? jsonTypeInfo = null, CancellationToken cancellationToken = default) =>
        throw NotSupported(nameof(SendConfirmedAsync));

    /// <summary>Adds a connection to a group, wherever it lives. When the call returns, sends to the group reach it from every node.</summary>
    /// <param name="connectionId">The connection.</param>
    /// <param name="group">The group.</param>
    /// <param name="cancellationToken">
    /// Ends the wait, and takes the join back unless another caller waits for the same one. A connection of this node is then not in the
    /// group, or the call returns because it was too late; one of another node may have joined before the word arrived.
    /// </param>
    /// <remarks>
    /// A removal from the group, from all groups, or a disconnect that is asked for on this node after this call takes effect after it, also
    /// while this one waits. The join then counts as done and undone.
    /// </remarks>
    /// <exception cref="ConnectionNotFoundException">There is no such connection, or it has begun to end.</exception>
    /// <exception cref="RemoteCommandTimeoutException">The connection's node did not answer in time; the join may have happened, or is taken back.</exception>
    /// <exception cref="BackplaneUnavailableException">
    /// The connection is on another node and the backplane is away, here or there, or the backplane failed just now. The connection is not in
    /// the group. A connection of this node joins also while the backplane is known to be away: sends of this node reach it at once,
    /// those of other nodes when the backplane is back; the outage is reported as possible loss.
    /// </exception>
    /// <exception cref="InvalidOperationException">The connection is in as many groups as its node allows. It was not added.</exception>
    ValueTask AddToGroupAsync(string connectionId, string group, CancellationToken cancellationToken = default) =>
        throw NotSupported(nameof(AddToGroupAsync));

    /// <summary>Removes a connection from a group. Leaving a group it is not in is no error.</summary>
    /// <param name="connectionId">The connection.</param>
    /// <param name="group">The group.</param>
    /// <param name="cancellationToken">Ends the wait; the removal may still happen.</param>
    /// <exception cref="ConnectionNotFoundException">There is no such connection.</exception>
    /// <exception cref="RemoteCommandTimeoutException">The connection's node did not answer in time.</exception>
    /// <exception cref="BackplaneUnavailableException">The connection is on another node and the backplane is away, here or there.</exception>
    ValueTask RemoveFromGroupAsync(string connectionId, string group, CancellationToken cancellationToken = default) =>
        throw NotSupported(nameof(RemoveFromGroupAsync));

    /// <summary>Removes a connection from all of its groups.</summary>
    /// <param name="connectionId">The connection.</param>
    /// <param name="cancellationToken">Ends the wait; the removal may still happen.</param>
    /// <exception cref="ConnectionNotFoundException">There is no such connection.</exception>
    /// <exception cref="RemoteCommandTimeoutException">The connection's node did not answer in time.</exception>
    /// <exception cref="BackplaneUnavailableException">The connection is on another node and the backplane is away, here or there.</exception>
    ValueTask RemoveFromAllGroupsAsync(string connectionId, CancellationToken cancellationToken = default) =>
        throw NotSupported(nameof(RemoveFromAllGroupsAsync));

    /// <summary>Reads the properties of a connection's session, wherever it is, also while its client is away. Tells with it whether there is such a connection.</summary>
    /// <param name="connectionId">The connection.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The properties, or <see langword="null"/> if there is no such connection.</returns>
    /// <remarks>
    /// Unlike the session directory it asks where the connection is known, and so sees what <see cref="TrySetPropertiesAsync"/> has set as soon as that returned. What
    /// a handler has set for a session that can be resumed is seen at other nodes when the record of the session is written next, within 10 seconds.
    /// </remarks>
    /// <exception cref="RemoteCommandTimeoutException">The connection's node did not answer in time.</exception>
    /// <exception cref="BackplaneUnavailableException">The connection is on another node and the backplane is away, here or there.</exception>
    /// <exception cref="MessageLogUnavailableException">The record of a session that can be resumed cannot be reached.</exception>
    ValueTask<IReadOnlyDictionary<string, string>?> FindPropertiesAsync(string connectionId, CancellationToken cancellationToken = default) =>
        throw NotSupported(nameof(FindPropertiesAsync));

    /// <summary>
    /// Sets the properties of a connection's session, wherever it is, also while its client is away, unless they are others by now than those that the caller
    /// has read. So of two changes at the same moment none is lost: whoever is told <see langword="false"/> reads them again.
    /// </summary>
    /// <param name="connectionId">The connection.</param>
    /// <param name="expected">The properties that the caller knows, as of <see cref="FindPropertiesAsync"/>.</param>
    /// <param name="properties">Those that are to be in their place, within the limits of <see cref="SessionProperties"/>.</param>
    /// <param name="cancellationToken">Ends the wait; they may still be set.</param>
    /// <returns>Whether they were set. Those of a session that can be resumed then survive the end of its node.</returns>
    /// <exception cref="ArgumentException">The properties are more or larger than a session may have.</exception>
    /// <exception cref="ConnectionNotFoundException">There is no such connection.</exception>
    /// <exception cref="RemoteCommandTimeoutException">The connection's node did not answer in time; they may have been set.</exception>
    /// <exception cref="BackplaneUnavailableException">The connection is on another node and the backplane is away, here or there.</exception>
    /// <exception cref="MessageLogUnavailableException">The record of a session that can be resumed cannot be reached; they may have been set.</exception>
    ValueTask<bool> TrySetPropertiesAsync(
        string connectionId, IReadOnlyDictionary<string, string> expected, IReadOnlyDictionary<string, string> properties, CancellationToken cancellationToken = default) =>
        throw NotSupported(nameof(TrySetPropertiesAsync));

    /// <summary>Closes one connection. Completes when its node has begun the close handshake.</summary>
    /// <param name="connectionId">The connection.</param>
    /// <param name="closeStatus">The close code: 1000, 1001, 1003, 1007 to 1014, or 3000 to 4999.</param>
    /// <param name="reason">The reason, at most 123 bytes of UTF-8.</param>
    /// <param name="cancellationToken">Ends the wait; the close may still happen.</param>
    /// <exception cref="ConnectionNotFoundException">There is no such connection.</exception>
    /// <exception cref="RemoteCommandTimeoutException">The connection's node did not answer in time.</exception>
    /// <exception cref="BackplaneUnavailableException">The connection is on another node and the backplane is away, here or there.</exception>
    ValueTask DisconnectAsync(
        string connectionId,
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure,
        string? reason = null,
        CancellationToken cancellationToken = default) =>
        throw NotSupported(nameof(DisconnectAsync));

    /// <summary>Closes all connections of a user. Completes when this node's are closing and the backplane has taken the request.</summary>
    /// <remarks>
    /// <para>One whose handshake is being answered is closed as soon as it is open.</para>
    /// <para>Sessions that can be resumed end with it, also those whose clients are away or are just coming back, whichever node has them, and those of a node that is lost and
    /// that nobody has claimed yet. For that it stands in the hub's log; each ends when the lane of its node comes to it there.</para>
    /// </remarks>
    /// <param name="userId">The user. An unknown user is no error.</param>
    /// <param name="closeStatus">The close code: 1000, 1001, 1003, 1007 to 1014, or 3000 to 4999.</param>
    /// <param name="reason">The reason, at most 123 bytes of UTF-8.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="BackplaneUnavailableException">Connections on this node are closing, other nodes were not reached.</exception>
    /// <exception cref="MessageLogUnavailableException">Connections are closing, but the log did not take it, or did not say so: sessions that can be resumed and whose clients are away may not end.</exception>
    ValueTask DisconnectUserAsync(
        string userId,
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure,
        string? reason = null,
        CancellationToken cancellationToken = default) =>
        throw NotSupported(nameof(DisconnectUserAsync));

    /// <summary>Closes all connections in a group. Completes when this node's are closing and the backplane has taken the request.</summary>
    /// <remarks>
    /// <para>One that is being added to the group, and waits for its channel, is closed instead.</para>
    /// <para>Sessions that can be resumed end with it, also those whose clients are away or are just coming back, whichever node has them, and those of a node that is lost and
    /// that nobody has claimed yet. For that it stands in the hub's log; each ends when the lane of its node comes to it there.</para>
    /// </remarks>
    /// <param name="group">The group. An unknown group is no error.</param>
    /// <param name="closeStatus">The close code: 1000, 1001, 1003, 1007 to 1014, or 3000 to 4999.</param>
    /// <param name="reason">The reason, at most 123 bytes of UTF-8.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="BackplaneUnavailableException">Connections on this node are closing, other nodes were not reached.</exception>
    /// <exception cref="MessageLogUnavailableException">Connections are closing, but the log did not take it, or did not say so: sessions that can be resumed and whose clients are away may not end.</exception>
    ValueTask DisconnectGroupAsync(
        string group,
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure,
        string? reason = null,
        CancellationToken cancellationToken = default) =>
        throw NotSupported(nameof(DisconnectGroupAsync));

    /// <summary>Closes all connections of the hub. Completes when this node's are closing and the backplane has taken the request.</summary>
    /// <remarks>
    /// <para>One whose handshake is being answered is closed as soon as it is open. The hub itself stays: whoever connects from now on is let in. All
    /// clients may come back at once, so have them wait for a random time.</para>
    /// <para>Sessions that can be resumed end with it, also those whose clients are away or are just coming back, whichever node has them, and those of a node that is lost and
    /// that nobody has claimed yet. For that it stands in the hub's log; each ends when the lane of its node comes to it there.</para>
    /// </remarks>
    /// <param name="closeStatus">The close code: 1000, 1001, 1003, 1007 to 1014, or 3000 to 4999.</param>
    /// <param name="reason">The reason, at most 123 bytes of UTF-8.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="BackplaneUnavailableException">Connections on this node are closing, other nodes were not reached.</exception>
    /// <exception cref="MessageLogUnavailableException">Connections are closing, but the log did not take it, or did not say so: sessions that can be resumed and whose clients are away may not end.</exception>
    ValueTask DisconnectAllAsync(
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure, string? reason = null, CancellationToken cancellationToken = default) =>
        throw NotSupported(nameof(DisconnectAllAsync));

    /// <summary>
    /// Adds all connections that a user has now to a group, wherever they live. Completes when this node's have joined and the backplane has
    /// taken the request.
    /// </summary>
    /// <remarks>
    /// <para>"Now" is when the request comes to a connection's node. One whose handshake is being answered then joins as soon as it is open; one
    /// that comes later does not join. For a lasting membership keep it with the user, and join in the handler's <c>OnConnectedAsync</c>.</para>
    /// <para>Other nodes do not answer. Their connections join when they have got the request and subscribed the group's channel, so a send
    /// that follows at once may not reach them yet. At each node it is done in the order in which this node asked for it: a
    /// removal of the user or of a connection from the group, or a disconnect, takes effect after a join that was begun before, also
    /// while that waits. Between requests of different nodes, or about a user and about one connection, there is no order.</para>
    /// </remarks>
    /// <param name="userId">The user. An unknown user is no error.</param>
    /// <param name="group">The group.</param>
    /// <param name="cancellationToken">Ends the wait, and takes back the joins of this node that still wait and that nobody else wants.</param>
    /// <exception cref="BackplaneUnavailableException">Connections of this node have joined, other nodes were not reached.</exception>
    /// <exception cref="BackplaneRefusedException">
    /// The transport refuses the group's channel to this node, so its connections are not in the group; or it refuses the request, and other
    /// nodes were not reached.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// A connection of this node is in as many groups as a connection may be in. All others have joined. At another node it is logged there.
    /// </exception>
    ValueTask AddUserToGroupAsync(string userId, string group, CancellationToken cancellationToken = default) =>
        throw NotSupported(nameof(AddUserToGroupAsync));

    /// <summary>
    /// Removes all connections that a user has now from a group, wherever they live. Completes when this node's have left and the backplane
    /// has taken the request.
    /// </summary>
    /// <remarks>
    /// It takes back joins of these connections that were begun before and still wait, also of those whose handshake is being answered.
    /// Other nodes do not answer, and their connections leave when they have got the request.
    /// </remarks>
    /// <param name="userId">The user. An unknown user, or one who is not in the group, is no error.</param>
    /// <param name="group">The group.</param>
    /// <param name="cancellationToken">Ends the wait; the removal may still happen.</param>
    /// <exception cref="BackplaneUnavailableException">Connections of this node have left, other nodes were not reached.</exception>
    ValueTask RemoveUserFromGroupAsync(string userId, string group, CancellationToken cancellationToken = default) =>
        throw NotSupported(nameof(RemoveUserFromGroupAsync));

    /// <summary>Asks a client something, wherever its connection lives, and waits for its answer.</summary>
    /// <remarks>
    /// <para>The app's own protocol carries the question's id there and back: <paramref name="question"/> puts it into the message, the client
    /// repeats it, and <c>HubOptions.AnswerMatcher</c> finds it in what arrives. A message that answers an open question of its connection goes to
    /// whoever asked, and not to the handler. Every other message goes to the handler: one that comes too late or a second time, or
    /// from another client than was asked.</para>
    /// <para>While a client has questions to answer, its messages are read although its handler is busy, and those that answer nothing wait
    /// for the handler in order. So a handler can await the answer of its own client, also in <c>OnConnectedAsync</c>. What waits is
    /// bounded by <c>HubOptions.ReadAheadMessages</c> and <c>ReadAheadBytes</c>; an answer behind more than that is not seen before the
    /// handler has taken some.</para>
    /// <para>The question is sent once, and is in order with what the connection's own node sends to it. No answer is lost without a word: the
    /// call returns it, or throws within <paramref name="timeout"/>.</para>
    /// </remarks>
    /// <param name="connectionId">The connection.</param>
    /// <param name="question">
    /// Makes the question from its id: 22 characters of base64url, which nobody can guess. Called once, within the call; what it throws is
    /// thrown to the caller.
    /// </param>
    /// <param name="timeout">How long the answer may take, with both ways: more than zero, at most 1 hour.</param>
    /// <param name="cancellationToken">Gives up the question. The client may have got it, and its answer then goes to the handler.</param>
    /// <returns>The client's answer. Its memory is the caller's.</returns>
    /// <exception cref="AskFailedException">There is no answer, and <see cref="AskFailedException.Failure"/> says why.</exception>
    /// <exception cref="BackplaneUnavailableException">
    /// The connection is on another node and the backplane is away, or has gone away and no answer came within the time. The client may have
    /// been asked in the latter case only.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The time is zero, negative, or longer than 1 hour.</exception>
    /// <exception cref="ArgumentException">The question is a text that is no valid UTF-8, or too large for an envelope. Nobody was asked.</exception>
    /// <exception cref="InvalidOperationException">The hub has no <c>AnswerMatcher</c> at the connection's node. Nobody was asked.</exception>
    ValueTask<WebSocketMessage> AskAsync(
        string connectionId, Func<string, WebSocketMessage> question, TimeSpan timeout, CancellationToken cancellationToken = default) =>
        throw NotSupported(nameof(AskAsync));

    private static NotSupportedException NotSupported(string member) =>
        new($"This {nameof(IWebSocketRouter)} does not implement {member}. The router of AddDistributedWebSockets does; a stand-in of your own has to.");
}
