namespace DistributedSockets.Tests;

public sealed class SendTests() : SendSuite(RoutingStrategy.Interest);
