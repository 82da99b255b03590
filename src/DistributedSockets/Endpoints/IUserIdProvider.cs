using Microsoft.AspNetCore.Http;

namespace DistributedSockets;

/// <summary>Says which user a connection belongs to. Register your own to replace the default.</summary>
/// <remarks>
/// The default takes the claim <c>ClaimTypes.NameIdentifier</c> of the principal, or else <c>sub</c>, which is how a JSON web token has it where
/// <c>MapInboundClaims</c> is off.
/// </remarks>
public interface IUserIdProvider
{
    /// <summary>Gets the user id, once, at the handshake.</summary>
    /// <param name="context">The handshake request.</param>
    /// <returns>1 to 256 bytes of UTF-8, or <see langword="null"/> for an anonymous connection.</returns>
    string? GetUserId(HttpContext context);
}
