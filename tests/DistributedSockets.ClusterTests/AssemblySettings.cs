using DistributedSockets.ClusterTests;
using Xunit.Sdk;
using Xunit.v3;

// Most tests have nodes of their own and wait for something most of the time, so several run at once. Those that share nodes are a collection.
[assembly: Parallelization(Mode = ParallelMode.Collections, MaxThreads = 5)]
[assembly: TestCollectionOrderer(typeof(LongestFirst))]
[assembly: AssemblyFixture(typeof(SharedCluster))]
