using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Over one Redis, where all users and groups share a channel.</summary>
public sealed class BroadcastTransportTests : TransportTests
{
    private readonly RedisFixture _redis = new();

    protected override async Task StartServersAsync() => await _redis.InitializeAsync();

    protected override IReadOnlyList<string> NodeArguments() => ["--redis", _redis.EndPoint, "--routing", "broadcast"];

    protected override Task CutAsync() => _redis.Server.KillAsync();

    protected override Task RestoreAsync() => _redis.Server.StartAsync();

    protected override ValueTask DisposeServersAsync() => _redis.DisposeAsync();
}
