namespace DistributedSockets;

/// <summary>What a client asks for that wants to go on with its session.</summary>
/// <param name="SessionId">The session, which is the <see cref="WebSocketConnection.Id"/> of its connections.</param>
/// <param name="Token">The token with which it is resumed.</param>
/// <param name="Received">Up to which number the client has all messages; 0 if it does not say, and gets all again that it has not acknowledged.</param>
public readonly record struct SessionResumption(string SessionId, string Token, long Received);
