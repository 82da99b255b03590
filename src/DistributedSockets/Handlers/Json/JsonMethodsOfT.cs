using System.Text.Json.Serialization.Metadata;

namespace DistributedSockets;

/// <summary>Which method of a handler takes which JSON messages: filled once, in a static field of the handler, and shared by all of its connections.</summary>
/// <typeparam name="THandler">The handler.</typeparam>
/// <remarks>Not safe to be filled concurrently; safe to be used so.</remarks>
public sealed class JsonMethods<THandler> : JsonMethods
    where THandler : JsonWebSocketHandler
{
    /// <summary>Creates an empty table.</summary>
    /// <param name="typeProperty">The property of a message that names its type, spelled exactly so; best the first of each message.</param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public JsonMethods(string typeProperty = "type")
        : base(typeProperty)
    {
    }

    /// <summary>Registers a method for a type of message.</summary>
    /// <typeparam name="T">What the method takes: the whole message is read as that, as <see cref="WebSocketMessage.ReadJson"/> does.</typeparam>
    /// <param name="type">The name of the type, 1 to 128 characters, compared ordinally.</param>
    /// <param name="method">The method, given the connection's handler. Make it <see langword="static"/>: the table serves all connections.</param>
    /// <param name="jsonTypeInfo">How to read the message; <see langword="null"/> for what the app's settings (<c>ConfigureJson</c>) know of <typeparamref name="T"/>.</param>
    /// <returns>This table.</returns>
    /// <exception cref="ArgumentException">The name is empty or too long, or has a method already.</exception>
    /// <exception cref="InvalidOperationException">The table is in use already.</exception>
    public JsonMethods<THandler> On<T>(string type, Func<THandler, T, CancellationToken, ValueTask> method, JsonTypeInfo<T>? jsonTypeInfo = null)
    {
        ArgumentNullException.ThrowIfNull(method);
        Add(new JsonMethod<THandler, T>(type, method, jsonTypeInfo));
        return this;
    }

    /// <summary>Registers a method for a type of message of which nothing but the type matters.</summary>
    /// <param name="type">The name of the type, 1 to 128 characters, compared ordinally.</param>
    /// <param name="method">The method, given the connection's handler. Make it <see langword="static"/>: the table serves all connections.</param>
    /// <returns>This table.</returns>
    /// <exception cref="ArgumentException">The name is empty or too long, or has a method already.</exception>
    /// <exception cref="InvalidOperationException">The table is in use already.</exception>
    public JsonMethods<THandler> On(string type, Func<THandler, CancellationToken, ValueTask> method)
    {
        ArgumentNullException.ThrowIfNull(method);
        Add(new BareJsonMethod<THandler>(type, method));
        return this;
    }
}
