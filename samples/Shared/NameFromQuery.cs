using DistributedSockets;

namespace Samples;

/// <summary>Takes the user's word for who they are. A real app authenticates and needs no such class: the user is then the principal's.</summary>
internal sealed class NameFromQuery : IUserIdProvider
{
    public string? GetUserId(HttpContext context)
    {
        string? name = context.Request.Query["name"];
        return UserName.IsValid(name) ? name : null;
    }
}
