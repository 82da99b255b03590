using System.Runtime.ExceptionServices;

namespace DistributedSockets;

/// <summary>
/// A handler that takes JSON objects, and calls for each the method that is registered for the type it names, such as
/// <c>{"type":"say","room":"lobby","text":"hello"}</c>. Made for inheritance.
/// </summary>
/// <remarks>
/// <para>The table of methods is made once per handler type and kept in a static field; a message costs what its deserialization
/// allocates, and no reflection. Text and binary messages are taken alike; override <see cref="OnMessageAsync"/> to take some otherwise.</para>
/// <para>What cannot be done is answered, and the connection goes on. The answers are JSON objects of the type <c>error</c>: see
/// <see cref="OnUnknownTypeAsync"/>, <see cref="OnInvalidJsonAsync"/> and <see cref="OnMethodFailedAsync"/>. What an override of
/// one of these throws closes the connection, like any exception of a handler.</para>
/// </remarks>
/// <example>
/// <code>
/// public sealed class ChatHandler(IWebSocketRouter&lt;ChatHandler&gt; router) : JsonWebSocketHandler
/// {
///     private static readonly JsonMethods s_methods = new JsonMethods&lt;ChatHandler&gt;()
///         .On&lt;Say&gt;("say", static (chat, say, cancellationToken) => chat.SayAsync(say, cancellationToken));
///
///     protected override JsonMethods Methods => s_methods;
///
///     private ValueTask SayAsync(Say say, CancellationToken cancellationToken) => …
/// }
/// </code>
/// </example>
public abstract class JsonWebSocketHandler : WebSocketHandler
{
    /// <summary>The methods. Return the same table each time, from a static field: one made anew is filled for each message.</summary>
    protected abstract JsonMethods Methods { get; }

    /// <inheritdoc/>
    public override ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken)
    {
        JsonMethod method;
        try
        {
            method = Methods.Find(message);
        }
        catch (InvalidJsonException exception)
        {
            return OnInvalidJsonAsync(exception, message, cancellationToken);
        }

        return method.InvokeAsync(this, message, cancellationToken);
    }

    internal ValueTask AnswerUnknownTypeAsync(string type, WebSocketMessage message, CancellationToken cancellationToken) =>
        OnUnknownTypeAsync(type, message, cancellationToken);

    internal ValueTask AnswerInvalidJsonAsync(InvalidJsonException exception, WebSocketMessage message, CancellationToken cancellationToken) =>
        OnInvalidJsonAsync(exception, message, cancellationToken);

    internal ValueTask AnswerFailureAsync(string type, Exception exception, WebSocketMessage message, CancellationToken cancellationToken) =>
        OnMethodFailedAsync(type, exception, message, cancellationToken);

    /// <summary>
    /// A message names a type that no method is registered for. By default its client is answered
    /// <c>{"type":"error","code":"unknown_type","messageType":"…","message":"…"}</c>.
    /// </summary>
    /// <param name="type">The type, as the client wrote it: of any length and content.</param>
    /// <param name="message">The message, borrowed until the returned task completes. Behind the type it may be broken.</param>
    /// <param name="cancellationToken">Cancelled when the connection ends.</param>
    protected virtual ValueTask OnUnknownTypeAsync(string type, WebSocketMessage message, CancellationToken cancellationToken) => Connection.SendAsync(
        JsonErrorReply.Create(Methods.TypeProperty, "unknown_type", type, "There is no such type of message."), cancellationToken);

    /// <summary>
    /// A message is no JSON object that names a type, or not what the method of its type takes; the method was not called. By default its
    /// client is answered <c>{"type":"error","code":"invalid_json","message":"…"}</c>, and told where it is wrong.
    /// </summary>
    /// <param name="exception">What is wrong. Its text is for the log, not for clients.</param>
    /// <param name="message">The message, borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Cancelled when the connection ends.</param>
    protected virtual ValueTask OnInvalidJsonAsync(InvalidJsonException exception, WebSocketMessage message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return Connection.SendAsync(
            JsonErrorReply.Create(Methods.TypeProperty, "invalid_json", type: null, JsonErrorReply.Describe(exception, Methods.TypeProperty)), cancellationToken);
    }

    /// <summary>
    /// A method threw. By default its client is answered <c>{"type":"error","code":"failed","messageType":"…","message":"…"}</c> without
    /// anything of the exception, which is logged as an error (ten a minute and node, and how many more) and counted.
    /// </summary>
    /// <remarks>
    /// <para>Override it for exceptions that are meant for clients, and call the base method for all others.</para>
    /// <para>By default the code is <c>unavailable</c> for a <see cref="BackplaneUnavailableException"/> or <see cref="MessageLogUnavailableException"/>. That of a send is thrown again after the
    /// answer: it is logged as in any other handler, and <see cref="HubOptions.CloseOnSendFailure"/> decides on the connection.</para>
    /// <para>It is not called for what a method throws because the connection has begun to end.</para>
    /// </remarks>
    /// <param name="type">The type of the message, as registered.</param>
    /// <param name="exception">What the method threw.</param>
    /// <param name="message">The message, borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Cancelled when the connection ends.</param>
    protected virtual async ValueTask OnMethodFailedAsync(
        string type, Exception exception, WebSocketMessage message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(exception);
        var (code, text) = exception is BackplaneUnavailableException or MessageLogUnavailableException
            ? ("unavailable", "The servers cannot reach each other right now. Try again later.")
            : ("failed", "The server failed to handle the message.");
        await Connection.SendAsync(JsonErrorReply.Create(Methods.TypeProperty, code, type, text), cancellationToken);
        if (exception is BackplaneUnavailableException { QueuedHere: not null } or MessageLogUnavailableException { IsSend: true })
        {
            ExceptionDispatchInfo.Throw(exception);
        }

        Connection.ReportMethodFailure(type, exception);
    }
}
