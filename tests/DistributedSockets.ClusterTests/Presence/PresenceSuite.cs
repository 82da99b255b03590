namespace DistributedSockets.ClusterTests;

/// <summary>Users come and go on three processes, which are killed and drained, and whose store loses what it knew.</summary>
public abstract class PresenceSuite : PresenceLogSuite
{
    private const int Users = 20;

    [Fact]
    public async Task LastConnectionsOnTwoNodes_EndAtTheSameMoment_EachChangeIsToldOnce()
    {
        var (a, b, c) = (await StartAsync("a"), await StartAsync("b"), await StartAsync("c"));
        await using var onA = new ClientSwarm();
        await using var onB = new ClientSwarm();
        await Task.WhenAll(onA.ConnectAsync(a, Users, "red"), onB.ConnectAsync(b, Users, "red"));
        string[] users = [.. Enumerable.Range(0, Users).Select(static i => $"user{i}")];
        await UntilToldAsync(users.SelectMany(static user => new[] { $"CameOnline {user}", $"EnteredGroup {user} red" }));
        Assert.Equal(users.Order(StringComparer.Ordinal), await c.RosterAsync());

        foreach (var client in onA.Clients.Concat(onB.Clients))
        {
            client.Abort();
        }

        await UntilToldAsync(users.SelectMany(static user =>
            new[] { $"CameOnline {user}", $"EnteredGroup {user} red", $"LeftGroup {user} red", $"WentOffline {user}" }));
        await Guard.UntilAsync(c.RosterAsync, static roster => roster.Length == 0, "the roster is empty");
    }

    [Fact]
    public async Task Nodes_KilledAndDrained_TheirUsersGoOnce()
    {
        var (a, b, c) = (await StartAsync("a"), await StartAsync("b"), await StartAsync("c"));
        await using var lost = await a.ConnectAsync("lost", "red");
        await using var drained = await b.ConnectAsync("drained");
        await using var doubled = await a.ConnectAsync("doubled");
        await using var second = await b.ConnectAsync("doubled");
        await using var third = await c.ConnectAsync("doubled");
        await UntilToldAsync(["CameOnline doubled", "CameOnline drained", "CameOnline lost", "EnteredGroup lost red"]);
        Assert.Equal(["doubled", "drained", "lost"], await c.RosterAsync());

        await a.KillAsync();
        await UntilToldAsync(["CameOnline doubled", "CameOnline drained", "CameOnline lost", "EnteredGroup lost red", "LeftGroup lost red", "WentOffline lost"]);
        b.Terminate();
        await b.ExitAsync().Guarded("the node drains");
        await UntilToldAsync(
            ["CameOnline doubled", "CameOnline drained", "CameOnline lost", "EnteredGroup lost red", "LeftGroup lost red", "WentOffline drained", "WentOffline lost"]);
        await Guard.UntilAsync(c.RosterAsync, static roster => roster is ["doubled"], "the roster has who is left");
    }

    [Fact]
    public async Task Store_LosesEverything_NobodyIsToldAgainAndNobodyIsLost()
    {
        var (a, b) = (await StartAsync("a"), await StartAsync("b"));
        await using var alice = await a.ConnectAsync("alice", "red");
        await using var bob = await a.ConnectAsync("bob");
        await using var bobToo = await b.ConnectAsync("bob");
        await UntilToldAsync(["CameOnline alice", "CameOnline bob", "EnteredGroup alice red"]);
        Assert.Equal(["alice", "bob"], await b.RosterAsync());

        await LoseDataAsync();
        await Guard.UntilAsync(a.HealthAsync, static health => health.StartsWith("Healthy", StringComparison.Ordinal), "a is well again");
        await Guard.UntilAsync(b.HealthAsync, static health => health.StartsWith("Healthy", StringComparison.Ordinal), "b is well again");
        await using var carol = await b.ConnectAsync("carol");
        await UntilToldAsync(["CameOnline alice", "CameOnline bob", "CameOnline carol", "EnteredGroup alice red"]);
        await Guard.UntilAsync(b.RosterAsync, static roster => roster is ["alice", "bob", "carol"], "the roster has them all");

        await bob.DisposeAsync();
        await alice.DisposeAsync();
        await UntilToldAsync(["CameOnline alice", "CameOnline bob", "CameOnline carol", "EnteredGroup alice red", "LeftGroup alice red", "WentOffline alice"]);
        await bobToo.DisposeAsync();
        await UntilToldAsync(
            ["CameOnline alice", "CameOnline bob", "CameOnline carol", "EnteredGroup alice red", "LeftGroup alice red", "WentOffline alice", "WentOffline bob"]);
    }

    /// <summary>Has the store forget all that it knows.</summary>
    private protected abstract Task LoseDataAsync();
}
