using DistributedSockets.ClusterTests;
using Xunit.Sdk;
using Xunit.v3;

// The tests of faults mostly wait, each for a cluster of its own, so a few of them run at once. The others are in AloneGroup.
[assembly: Parallelization(Mode = ParallelMode.Collections, MaxThreads = 3)]
[assembly: AssemblyFixture(typeof(SharedCluster))]
