using DistributedSockets;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Lets handshakes sign in with one-use tickets.</summary>
public static class ConnectionTicketAuthenticationBuilderExtensions
{
    /// <summary>Adds the scheme <see cref="ConnectionTicketDefaults.AuthenticationScheme"/>, which takes a ticket from the query and uses it up.</summary>
    /// <param name="builder">The app's authentication, which has the scheme with which a client asks for its ticket, too.</param>
    /// <remarks>
    /// For browsers, which can set no header on a WebSocket: what stands in the query ends up in logs, and a used ticket may. Tickets are kept by
    /// <see cref="IConnectionTicketStore"/>, which comes with the session store, and are encrypted by Data Protection, whose keys all nodes must
    /// share.
    /// </remarks>
    public static AuthenticationBuilder AddConnectionTickets(this AuthenticationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddDataProtection();
        builder.Services.TryAddSingleton<ConnectionTickets>();
        builder.Services.TryAddSingleton<ConnectionTicketHandler.RareLogs>();
        return builder.AddScheme<AuthenticationSchemeOptions, ConnectionTicketHandler>(ConnectionTicketDefaults.AuthenticationScheme, null);
    }
}
