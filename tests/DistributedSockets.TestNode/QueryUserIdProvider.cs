using Microsoft.AspNetCore.Http;

namespace DistributedSockets.TestNode;

/// <summary>Takes the user from the query, as <c>?u=USER</c>. Fit for tests only: anyone can be anyone.</summary>
internal sealed class QueryUserIdProvider : IUserIdProvider
{
    public string? GetUserId(HttpContext context) => context.Request.Query["u"].ToString() is { Length: > 0 } user ? user : null;
}
