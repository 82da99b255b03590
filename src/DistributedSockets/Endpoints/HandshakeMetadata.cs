using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;

namespace DistributedSockets;

/// <summary>Marks an endpoint that answers handshakes, for what stands in front of it.</summary>
/// <remarks>
/// A client that opens a WebSocket reads nothing but the status: it follows no redirect to a login page, and shows nobody an error page. API
/// descriptions list requests and responses, and a connection is neither.
/// </remarks>
internal sealed class HandshakeMetadata : IDisableCookieRedirectMetadata, ISkipStatusCodePagesMetadata, IExcludeFromDescriptionMetadata
{
    private HandshakeMetadata()
    {
    }

    internal static HandshakeMetadata Instance { get; } = new();

    public bool ExcludeFromDescription => true;
}
