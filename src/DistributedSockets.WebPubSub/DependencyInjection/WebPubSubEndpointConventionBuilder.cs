using Microsoft.AspNetCore.Builder;

namespace DistributedSockets.WebPubSub;

/// <summary>The endpoints of Web PubSub, for the app's event handlers and for conventions.</summary>
public sealed class WebPubSubEndpointConventionBuilder : IEndpointConventionBuilder
{
    private readonly IReadOnlyList<IEndpointConventionBuilder> _endpoints;

    internal WebPubSubEndpointConventionBuilder(IServiceProvider services, IReadOnlyList<IEndpointConventionBuilder> endpoints) =>
        (Services, _endpoints) = (services, endpoints);

    /// <summary>The app's services.</summary>
    internal IServiceProvider Services { get; }

    /// <inheritdoc/>
    public void Add(Action<EndpointBuilder> convention)
    {
        foreach (var endpoint in _endpoints)
        {
            endpoint.Add(convention);
        }
    }

    /// <inheritdoc/>
    public void Finally(Action<EndpointBuilder> finallyConvention)
    {
        foreach (var endpoint in _endpoints)
        {
            endpoint.Finally(finallyConvention);
        }
    }
}
