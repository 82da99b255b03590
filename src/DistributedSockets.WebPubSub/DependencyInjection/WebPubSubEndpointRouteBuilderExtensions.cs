using DistributedSockets.WebPubSub;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps the endpoints of Web PubSub.</summary>
public static class WebPubSubEndpointRouteBuilderExtensions
{
    /// <summary>Maps the endpoints of clients, <c>/client/hubs/{hub}</c> and <c>/client/?hub={hub}</c>, and those of the REST interface, below <c>/api</c>.</summary>
    /// <param name="endpoints">The route builder.</param>
    /// <returns>A builder for event handlers, and for conventions of all these endpoints.</returns>
    /// <exception cref="InvalidOperationException">The services are missing.</exception>
    /// <exception cref="OptionsValidationException">The options cannot be used.</exception>
    public static WebPubSubEndpointConventionBuilder MapWebPubSub(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        var options = endpoints.ServiceProvider.GetService<IOptions<WebPubSubOptions>>()?.Value ?? throw new InvalidOperationException(
            "MapWebPubSub needs its services. Call builder.Services.AddDistributedWebSockets().AddWebPubSub() before builder.Build().");
        var conventions = new List<IEndpointConventionBuilder>();
        ClientEndpoints.Map(endpoints, options, conventions);
        endpoints.ServiceProvider.GetRequiredService<RestEndpoints>().Map(endpoints, conventions);
        return new(endpoints.ServiceProvider, conventions);
    }
}
