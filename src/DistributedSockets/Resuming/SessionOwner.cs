namespace DistributedSockets;

/// <summary>Which node owns a session.</summary>
/// <param name="NodeId">The node.</param>
/// <param name="Record">What the record holds, where it had to be read: this node does not know all groups of the session.</param>
internal readonly record struct SessionOwner(string NodeId, SessionCheckpoint? Record);
