using Microsoft.AspNetCore.Http;

namespace DistributedSockets;

/// <summary>Says which user a connection belongs to. Register your own to replace the default.</summary>
public interface IUserIdProvider
{
    /// <summary>Gets the user id, once, at the handshake.</summary>
    /// <param name="context">The handshake request.</param>
    /// <returns>1 to 256 bytes of UTF-8, or <see langword="null"/> for an anonymous connection.</returns>
    string? GetUserId(HttpContext context);
}
