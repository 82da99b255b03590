namespace DistributedSockets;

/// <summary>Why a handshake is refused for now; the client may try again later.</summary>
internal readonly record struct Refusal(int StatusCode, string Reason);
