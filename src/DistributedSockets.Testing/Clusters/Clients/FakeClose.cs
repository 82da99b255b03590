using System.Net.WebSockets;

namespace DistributedSockets.Testing;

/// <summary>How a connection ended, as its client saw it.</summary>
public sealed record FakeClose
{
    /// <summary>The code of the server's close frame; <see langword="null"/> if the connection ended without one.</summary>
    public WebSocketCloseStatus? Status { get; init; }

    /// <summary>The reason in it.</summary>
    public string? Reason { get; init; }
}
