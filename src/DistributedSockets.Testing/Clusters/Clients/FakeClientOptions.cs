using System.Net;
using System.Security.Claims;
using Microsoft.AspNetCore.Http;

namespace DistributedSockets.Testing;

/// <summary>The handshake of a <see cref="FakeClient"/>.</summary>
public sealed class FakeClientOptions
{
    /// <summary>Who the request is from, as if authentication had found out. At first the user given, if any, as the name identifier; else anonymous.</summary>
    public ClaimsPrincipal User { get; set; } = new();

    /// <summary>The subprotocols that the client offers, the preferred one first.</summary>
    public IList<string> SubProtocols { get; } = [];

    /// <summary>Headers of the request, such as <c>Origin</c>. Those of the handshake itself are added.</summary>
    public IHeaderDictionary Headers { get; } = new HeaderDictionary();

    /// <summary>The address of the client.</summary>
    public IPAddress RemoteIpAddress { get; set; } = IPAddress.Loopback;

    /// <summary>How many bytes may be under way in each direction, before the other side has to wait. 65,536 at first; at least 1.</summary>
    public int WindowBytes { get; set; } = 65_536;
}
