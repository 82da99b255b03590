using System.Net.WebSockets;

namespace DistributedSockets.Testing;

/// <summary>How a connection ended, as its client saw it.</summary>
/// <param name="Status">The code of the server's close frame; <see langword="null"/> if the connection ended without one.</param>
/// <param name="Reason">The reason in it.</param>
public sealed record FakeClose(WebSocketCloseStatus? Status, string? Reason);
