using Microsoft.AspNetCore.Http.Metadata;

namespace DistributedSockets;

/// <summary>Marks an endpoint that answers handshakes, for what stands in front of it.</summary>
/// <remarks>A client that opens a WebSocket reads only the status: it follows no redirect to a login page and shows nobody an error page.</remarks>
internal sealed class HandshakeMetadata : IDisableCookieRedirectMetadata, ISkipStatusCodePagesMetadata
{
    private HandshakeMetadata()
    {
    }

    internal static HandshakeMetadata Instance { get; } = new();
}
