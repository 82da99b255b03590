using System.Collections.Frozen;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace DistributedSockets.WebPubSub;

/// <summary>The endpoints of the hubs, which are not routed to by themselves: a client may name its hub in the path or in the query.</summary>
internal sealed class HubPipelines
{
    private readonly FrozenDictionary<string, RequestDelegate> _pipelines;

    internal HubPipelines(IEndpointRouteBuilder app, IEnumerable<string> hubs)
    {
        var pipelines = new Dictionary<string, RequestDelegate>(StringComparer.Ordinal);
        foreach (var hub in hubs.Select(WebPubSubHub.Fold))
        {
            var unrouted = new UnroutedEndpoints(app);
            unrouted.MapDistributedWebSocket<WebPubSubHandler>($"/client/hubs/{hub}", hub);
            var endpoint = unrouted.DataSources.SelectMany(static source => source.Endpoints).Single();
            pipelines[hub] = endpoint.RequestDelegate!; // every route has one
            Metadata = endpoint.Metadata;
        }

        _pipelines = pipelines.ToFrozenDictionary(StringComparer.Ordinal);
    }

    /// <summary>What is said of the endpoint of any hub, for those that are routed to.</summary>
    internal EndpointMetadataCollection Metadata { get; } = EndpointMetadataCollection.Empty;

    internal RequestDelegate? Find(string hub) => _pipelines.GetValueOrDefault(hub);

    private sealed class UnroutedEndpoints(IEndpointRouteBuilder app) : IEndpointRouteBuilder
    {
        public IServiceProvider ServiceProvider => app.ServiceProvider;

        public ICollection<EndpointDataSource> DataSources { get; } = [];

        public IApplicationBuilder CreateApplicationBuilder() => app.CreateApplicationBuilder();
    }
}
