namespace DistributedSockets;

/// <summary>The session directory with the hub of a handler, for which <see cref="SessionDirectoryExtensions"/> has forms that name no hub.</summary>
/// <typeparam name="THandler">The handler, whose hub is named as for <see cref="IWebSocketRouter{THandler}"/>.</typeparam>
public interface ISessionDirectory<THandler> : ISessionDirectory
    where THandler : class
{
    /// <summary>The name of the handler's hub.</summary>
    string Hub { get; }
}
