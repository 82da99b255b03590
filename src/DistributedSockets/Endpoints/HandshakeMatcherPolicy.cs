using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Matching;

namespace DistributedSockets;

/// <summary>Lets an endpoint of connections share its path with an ordinary one: handshakes go to the first, all other requests to the second.</summary>
/// <remarks>It sees each handshake before authorization and whatever else stands between routing and the endpoint, and tells of those that are refused there.</remarks>
internal sealed class HandshakeMatcherPolicy(ConnectionLog log) : MatcherPolicy, IEndpointComparerPolicy, IEndpointSelectorPolicy
{
    /// <summary>After the platform's own policies, which look at method, host and encoding.</summary>
    public override int Order => 100;

    /// <summary>Of two endpoints with the same pattern, the one of connections comes first, so that they are not ambiguous.</summary>
    public IComparer<Endpoint> Comparer => EndpointMetadataComparer<HandshakeMetadata>.Default;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) => endpoints.Any(IsOurs);

    public Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
    {
        if (IsHandshake(httpContext))
        {
            if (First(candidates) is { } first && IsOurs(first))
            {
                // Response caching would answer with what the other endpoint sent last. Browsers ask for this themselves, other clients do not.
                httpContext.Request.Headers.CacheControl = "no-cache";
                HandshakeWatch.Begin(httpContext, log);
            }

            return Task.CompletedTask;
        }

        if (HasOther(candidates))
        {
            for (var i = 0; i < candidates.Count; i++)
            {
                if (IsOurs(candidates[i].Endpoint))
                {
                    candidates.SetValidity(i, false);
                }
            }
        }

        return Task.CompletedTask;
    }

    private static bool IsOurs(Endpoint endpoint) => endpoint.Metadata.GetMetadata<HandshakeMetadata>() is not null;

    /// <summary>Whether a request wants to become a WebSocket, in whatever version and however wrong: it is for us to refuse it then.</summary>
    private static bool IsHandshake(HttpContext context)
    {
        if (HttpMethods.IsConnect(context.Request.Method) || context.Features.Get<IHttpWebSocketFeature>()?.IsWebSocketRequest == true)
        {
            return true;
        }

        foreach (var line in context.Request.Headers.Upgrade)
        {
            var protocols = line.AsSpan();
            foreach (var protocol in protocols.Split(','))
            {
                if (protocols[protocol].Trim().Equals("websocket", StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>The endpoint that is chosen if nothing else is said: candidates are in the order of their precedence.</summary>
    private static Endpoint? First(CandidateSet candidates)
    {
        for (var i = 0; i < candidates.Count; i++)
        {
            if (candidates.IsValidCandidate(i))
            {
                return candidates[i].Endpoint;
            }
        }

        return null;
    }

    private static bool HasOther(CandidateSet candidates)
    {
        for (var i = 0; i < candidates.Count; i++)
        {
            if (candidates.IsValidCandidate(i) && !IsOurs(candidates[i].Endpoint))
            {
                return true;
            }
        }

        return false;
    }
}
