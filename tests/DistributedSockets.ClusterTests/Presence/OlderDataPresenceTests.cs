using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Presence over a Redis that comes back with an older copy of its data.</summary>
public sealed class OlderDataPresenceTests : PresenceLogSuite
{
    private readonly RedisServer _redis = new() { KeepsData = true };

    [Fact]
    public async Task Store_GoesBackToOlderData_NobodyIsToldAgainAndNobodyIsLost()
    {
        var (a, b) = (await StartAsync("a"), await StartAsync("b"));
        await using var alice = await a.ConnectAsync("alice");
        await UntilToldAsync(["CameOnline alice"]);
        Assert.StartsWith("+OK", await _redis.CommandAsync("SAVE"), StringComparison.Ordinal);
        await using var bob = await b.ConnectAsync("bob"); // of whom the copy knows nothing
        await UntilToldAsync(["CameOnline alice", "CameOnline bob"]);
        Assert.Equal(["alice", "bob"], await a.RosterAsync());

        await _redis.KillAsync();
        await _redis.StartAsync();
        await using var carol = await a.ConnectAsync("carol");
        await UntilToldAsync(["CameOnline alice", "CameOnline bob", "CameOnline carol"]);
        await Guard.UntilAsync(a.RosterAsync, static roster => roster is ["alice", "bob", "carol"], "the roster has them all");

        await bob.DisposeAsync();
        await UntilToldAsync(["CameOnline alice", "CameOnline bob", "CameOnline carol", "WentOffline bob"]);
        await alice.DisposeAsync();
        await UntilToldAsync(["CameOnline alice", "CameOnline bob", "CameOnline carol", "WentOffline alice", "WentOffline bob"]);
    }

    private protected override async Task StartServersAsync()
    {
        _redis.SkipUnlessAvailable();
        await _redis.StartAsync();
    }

    private protected override IReadOnlyList<string> NodeArguments() => ["--redis", _redis.EndPoint];

    private protected override ValueTask DisposeServersAsync() => _redis.DisposeAsync();
}
