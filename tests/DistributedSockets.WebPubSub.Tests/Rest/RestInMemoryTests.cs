namespace DistributedSockets.WebPubSub.Tests;

/// <summary>The REST interface within one process.</summary>
public sealed class RestInMemoryTests(RestCluster cluster) : RestTests(cluster), IClassFixture<RestCluster>;
