namespace DistributedSockets.ClusterTests;

/// <summary>What a <c>ws</c> client threw.</summary>
internal sealed class WsException(string message) : Exception(message);
