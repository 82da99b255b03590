using System.Security.Claims;
using Microsoft.AspNetCore.Http;

namespace DistributedSockets;

/// <summary>Takes the id that the sign-in gave: under the name that ASP.NET Core has for it, or under that of JSON web tokens (RFC 7519 §4.1.2).</summary>
internal sealed class ClaimsUserIdProvider : IUserIdProvider
{
    private const string Subject = "sub";

    public string? GetUserId(HttpContext context) => context.User.FindFirstValue(ClaimTypes.NameIdentifier) ?? context.User.FindFirstValue(Subject);
}
