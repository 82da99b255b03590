using DistributedSockets.TestServers;

// Shared by all tests that leave it as it is, with prefixes of their own; a test that harms a server starts its own.
[assembly: AssemblyFixture(typeof(NatsServer))]
[assembly: AssemblyFixture(typeof(DistributedSockets.Nats.Tests.JetStreamFixture))]

// Tests of outages mostly wait for timeouts and back-offs.
[assembly: Xunit.v3.Parallelization(MaxThreads = 8)]
