namespace DistributedSockets;

/// <summary>Gives routers by hub name, for processes that do not know the handler's type.</summary>
public interface IWebSocketRouterFactory
{
    /// <summary>Gets the router of a hub. The same name gives the same router.</summary>
    /// <param name="hub">The hub's name: 1 to 64 lower-case letters, digits, dots, hyphens or underscores.</param>
    /// <exception cref="ArgumentException">The name has another form.</exception>
    IWebSocketRouter GetRouter(string hub);
}
