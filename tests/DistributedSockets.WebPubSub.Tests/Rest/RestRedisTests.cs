namespace DistributedSockets.WebPubSub.Tests;

/// <summary>The same over a Redis server.</summary>
public sealed class RestRedisTests(RedisRestCluster cluster) : RestTests(cluster), IClassFixture<RedisRestCluster>;
