using System.Security.Claims;
using Microsoft.AspNetCore.Http;

namespace DistributedSockets;

internal sealed class ClaimsUserIdProvider : IUserIdProvider
{
    public string? GetUserId(HttpContext context) => context.User.FindFirstValue(ClaimTypes.NameIdentifier);
}
