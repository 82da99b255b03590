using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Presence over Redis, which is flushed.</summary>
public sealed class RedisPresenceTests : PresenceSuite
{
    private readonly RedisFixture _redis = new();

    private protected override async Task StartServersAsync() => await _redis.InitializeAsync();

    private protected override IReadOnlyList<string> NodeArguments() => ["--redis", _redis.EndPoint];

    private protected override async Task LoseDataAsync() =>
        Assert.StartsWith("+OK", await _redis.Server.CommandAsync("FLUSHALL"), StringComparison.Ordinal);

    private protected override ValueTask DisposeServersAsync() => _redis.DisposeAsync();
}
