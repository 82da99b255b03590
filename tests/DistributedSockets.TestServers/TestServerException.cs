namespace DistributedSockets.TestServers;

/// <summary>A server for tests did not start.</summary>
/// <param name="message">What happened, with the server's log.</param>
public sealed class TestServerException(string message) : Exception(message);
