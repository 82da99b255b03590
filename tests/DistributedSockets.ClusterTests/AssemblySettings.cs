using DistributedSockets.ClusterTests;
using Xunit.Sdk;
using Xunit.v3;

// Each test starts processes and loads them; on two cores they would only take time from each other.
[assembly: Parallelization(Mode = ParallelMode.None)]
[assembly: AssemblyFixture(typeof(SharedCluster))]
