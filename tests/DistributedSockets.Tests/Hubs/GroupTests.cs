namespace DistributedSockets.Tests;

public sealed class GroupTests() : GroupSuite(RoutingStrategy.Interest);
