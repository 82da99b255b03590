namespace DistributedSockets.Tests;

public sealed class BroadcastSendTests() : SendSuite(RoutingStrategy.Broadcast);
