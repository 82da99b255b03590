using System.Security.Claims;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features.Authentication;

namespace DistributedSockets;

/// <summary>Takes the id that the sign-in gave: under the name that ASP.NET Core has for it, or under that of JSON web tokens (RFC 7519 §4.1.2).</summary>
internal sealed class ClaimsUserIdProvider : IUserIdProvider
{
    private const string Subject = "sub";

    public string? GetUserId(HttpContext context) =>
        Principal(context) is { } user ? user.FindFirstValue(ClaimTypes.NameIdentifier) ?? user.FindFirstValue(Subject) : null;

    /// <summary>The principal of a request; null if nobody has set one. <see cref="HttpContext.User"/> would make one, which is then held for as long as the connection lives.</summary>
    internal static ClaimsPrincipal? Principal(HttpContext context) => context.Features.Get<IHttpAuthenticationFeature>()?.User;
}
