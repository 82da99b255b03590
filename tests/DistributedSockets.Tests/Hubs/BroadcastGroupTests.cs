namespace DistributedSockets.Tests;

public sealed class BroadcastGroupTests() : GroupSuite(RoutingStrategy.Broadcast);
