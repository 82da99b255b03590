using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets;

/// <summary>Makes a filter for one handshake, from the request's services.</summary>
internal abstract class ConnectionFilterActivator
{
    /// <returns>The filter, and whether it is ours to dispose.</returns>
    internal abstract (IConnectionFilter Filter, bool Owned) Create(IServiceProvider services);
}

/// <summary>Takes the filter from the services, or else creates it with its constructor's parameters from there.</summary>
internal sealed class ConnectionFilterActivator<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TFilter> : ConnectionFilterActivator
    where TFilter : class, IConnectionFilter
{
    private readonly ObjectFactory<TFilter> _factory = ActivatorUtilities.CreateFactory<TFilter>([]);

    internal override (IConnectionFilter Filter, bool Owned) Create(IServiceProvider services) =>
        services.GetService<TFilter>() is { } registered ? (registered, false) : (_factory(services, []), true);
}

/// <summary>A filter that is a function.</summary>
internal sealed class ConnectionFilterFunction(Func<ConnectingContext, CancellationToken, ValueTask> filter) : ConnectionFilterActivator, IConnectionFilter
{
    public ValueTask OnConnectingAsync(ConnectingContext context, CancellationToken cancellationToken) => filter(context, cancellationToken);

    internal override (IConnectionFilter Filter, bool Owned) Create(IServiceProvider services) => (this, false);
}
