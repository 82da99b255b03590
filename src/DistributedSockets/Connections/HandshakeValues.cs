using System.Collections.ObjectModel;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Primitives;

namespace DistributedSockets;

/// <summary>What the request of a handshake said, copied.</summary>
/// <remarks>Read from the features, which do not change any more: unlike the context itself, they may be asked while somebody else asks the context.</remarks>
internal sealed class HandshakeValues
{
    internal HandshakeValues(HttpContext context)
    {
        var features = context.Features;
        var request = features.GetRequiredFeature<IHttpRequestFeature>();
        Headers = new HeaderDictionary(new Dictionary<string, StringValues>(request.Headers, StringComparer.OrdinalIgnoreCase));
        Query = (features.Get<IQueryFeature>() ?? new QueryFeature(features)).Query;
        RouteValues = features.Get<IRouteValuesFeature>()?.RouteValues is { Count: > 0 } values
            ? new RouteValueDictionary(values)
            : ReadOnlyDictionary<string, object?>.Empty;
    }

    internal IHeaderDictionary Headers { get; }

    internal IQueryCollection Query { get; }

    internal IReadOnlyDictionary<string, object?> RouteValues { get; }
}
