namespace DistributedSockets.TestNode;

internal sealed record WhoAmI(string ConnectionId, string Node);
