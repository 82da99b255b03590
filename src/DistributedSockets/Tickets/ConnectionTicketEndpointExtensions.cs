using System.Diagnostics.CodeAnalysis;
using DistributedSockets;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps the endpoint that gives out one-use tickets, and asks for them.</summary>
public static class ConnectionTicketEndpointExtensions
{
    private static readonly TimeSpan s_defaultLifetime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_maxLifetime = TimeSpan.FromHours(1);

    /// <summary>Maps a POST that answers with a ticket for whoever has signed in: <c>{"ticket":"…","expiresIn":30}</c>, the time in seconds.</summary>
    /// <param name="endpoints">The route builder.</param>
    /// <param name="pattern">The route pattern.</param>
    /// <param name="lifetime">How long a ticket may be used: 1 second to 1 hour; <see langword="null"/> for 30 seconds.</param>
    /// <returns>A builder for conventions. Authorization is required already.</returns>
    /// <remarks>Without a sign-in the answer is that of the app's authentication, such as 401. While the store of tickets is away it is 503.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The lifetime is out of its range.</exception>
    /// <exception cref="InvalidOperationException">The services are missing.</exception>
    public static IEndpointConventionBuilder MapConnectionTickets(
        this IEndpointRouteBuilder endpoints, [StringSyntax("Route")] string pattern, TimeSpan? lifetime = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(pattern);
        var kept = lifetime ?? s_defaultLifetime;
        if (kept < TimeSpan.FromSeconds(1) || kept > s_maxLifetime)
        {
            throw new ArgumentOutOfRangeException(nameof(lifetime), kept, $"A ticket may be used for 1 second to {s_maxLifetime}.");
        }

        if (endpoints.ServiceProvider.GetService<IConnectionTicketStore>() is null || endpoints.ServiceProvider.GetService<ConnectionTickets>() is not { } tickets)
        {
            throw new InvalidOperationException(
                "MapConnectionTickets needs its services. Call builder.Services.AddDistributedWebSockets() and builder.Services.AddAuthentication(…).AddConnectionTickets() before builder.Build().");
        }

        var endpoint = new ConnectionTicketEndpoint(tickets, endpoints.ServiceProvider.GetRequiredService<ConnectionTicketHandler.RareLogs>(), kept);
        return endpoints.MapPost(pattern, endpoint.InvokeAsync).RequireAuthorization();
    }

    /// <summary>Lets only handshakes in that come with a ticket of <see cref="MapConnectionTickets"/>, as <c>?ticket=…</c>; others get 401.</summary>
    /// <typeparam name="TBuilder">The kind of builder.</typeparam>
    /// <param name="builder">The endpoint, such as one of <c>MapDistributedWebSocket</c>.</param>
    public static TBuilder RequireConnectionTicket<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder =>
        builder.RequireAuthorization(new AuthorizationPolicyBuilder(ConnectionTicketDefaults.AuthenticationScheme).RequireAuthenticatedUser().Build());
}
