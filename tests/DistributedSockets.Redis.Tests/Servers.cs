using DistributedSockets.TestServers;

// Shared by all conformance tests, which use channels and keys of their own; a test that harms a server starts its own.
[assembly: AssemblyFixture(typeof(RedisServer))]
[assembly: AssemblyFixture(typeof(GarnetServer))]
[assembly: AssemblyFixture(typeof(RedisServers))]
[assembly: AssemblyFixture(typeof(RedisCluster))]

// Tests of outages mostly wait for connect timeouts and back-offs.
[assembly: Xunit.v3.Parallelization(MaxThreads = 8)]
