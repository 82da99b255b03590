using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets;

/// <summary>Makes one handler per connection, from the connection's service scope.</summary>
internal abstract class HandlerActivator
{
    internal abstract Type HandlerType { get; }

    /// <returns>The handler, and whether it is ours to dispose.</returns>
    internal abstract (WebSocketHandler Handler, bool Owned) Create(IServiceProvider services);
}

/// <summary>Takes the handler from the services, or else creates it with its constructor's parameters from there.</summary>
internal sealed class HandlerActivator<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler> : HandlerActivator
    where THandler : WebSocketHandler
{
    private readonly ObjectFactory<THandler> _factory = ActivatorUtilities.CreateFactory<THandler>([]);

    internal override Type HandlerType => typeof(THandler);

    internal override (WebSocketHandler Handler, bool Owned) Create(IServiceProvider services)
    {
        if (services.GetService<THandler>() is { } registered)
        {
            return registered.HasConnection
                ? throw new InvalidOperationException(
                    $"{typeof(THandler)} is registered as a singleton, but each connection needs a handler of its own. Register it as transient, or not at all.")
                : (registered, false);
        }

        return (_factory(services, []), true);
    }
}
