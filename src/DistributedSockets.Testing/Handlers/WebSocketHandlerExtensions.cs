using System.Runtime.CompilerServices;

namespace DistributedSockets.Testing;

/// <summary>Lets a handler be tested alone.</summary>
public static class WebSocketHandlerExtensions
{
    /// <summary>Gives a handler a stand-in for its connection. Call its methods then, one after the other, as a node would.</summary>
    /// <typeparam name="THandler">The handler.</typeparam>
    /// <param name="handler">The handler.</param>
    /// <param name="connection">The stand-in: a class of the test's, or made by a mocking library.</param>
    /// <returns>The handler.</returns>
    /// <exception cref="InvalidOperationException">The handler has a connection already.</exception>
    public static THandler WithConnection<THandler>(this THandler handler, WebSocketConnection connection)
        where THandler : WebSocketHandler
    {
        ArgumentNullException.ThrowIfNull(handler);
        ArgumentNullException.ThrowIfNull(connection);
        SetConnection(handler, connection);
        return handler;
    }

    // Apps are not to set it, and so it is not public.
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_Connection")]
    private static extern void SetConnection(WebSocketHandler handler, WebSocketConnection connection);
}
