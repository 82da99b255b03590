using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace DistributedSockets.WebPubSub;

/// <summary>The endpoints by which clients connect.</summary>
internal static class ClientEndpoints
{
    internal static void Map(IEndpointRouteBuilder endpoints, WebPubSubOptions options, ICollection<IEndpointConventionBuilder> conventions)
    {
        foreach (var hub in options.Hubs)
        {
            conventions.Add(endpoints.MapDistributedWebSocket<WebPubSubHandler>($"/client/hubs/{WebPubSubHub.Fold(hub)}", WebPubSubHub.Fold(hub)));
        }
    }
}
