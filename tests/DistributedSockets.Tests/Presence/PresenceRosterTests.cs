using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace DistributedSockets.Tests.Presence;

/// <summary>What a node knows of who is online.</summary>
public sealed class PresenceRosterTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Roster_UsersHereAndElsewhere_KnowsThemAndTheirGroups()
    {
        await using var cluster = await PresenceCluster.StartAsync(2);
        await using var alice = await cluster.ConnectAsync(0, "alice");
        await alice.SendAsync("red", Cancellation);
        await cluster.Told.WaitForAsync(2);

        var (here, elsewhere) = (cluster.Roster(0), cluster.Roster(1)); // both begin after alice came
        await here.WaitUntilCurrentAsync(Cancellation);
        await elsewhere.WaitUntilCurrentAsync(Cancellation);
        await using var bob = await cluster.ConnectAsync(1, "bob");
        await bob.SendAsync("red", Cancellation);
        await UntilAsync(() => here.CountInGroup("red") == 2 && elsewhere.CountInGroup("red") == 2, "both know both");

        Assert.All([here, elsewhere], static roster =>
        {
            Assert.Equal(2, roster.Count);
            Assert.Equal(["alice", "bob"], roster.ListUsers().Order());
            Assert.Equal(["alice", "bob"], roster.ListUsersInGroup("red").Order());
            Assert.True(roster.IsOnline("alice") && roster.IsInGroup("bob", "red"));
            Assert.False(roster.IsOnline("carol") || roster.IsInGroup("alice", "blue"));
        });
        await bob.SendAsync("-red", Cancellation);
        await alice.CloseAsync(cancellationToken: Cancellation);
        await UntilAsync(() => Everyone(here) == "bob" && Everyone(elsewhere) == "bob" && here.CountInGroup("red") + elsewhere.CountInGroup("red") == 0, "both know that alice has gone");
    }

    [Fact]
    public async Task Roster_NobodyObservesChanges_UsersComeAndGo()
    {
        await using var cluster = await PresenceCluster.StartAsync(
            2, configure: static options => options.ConfigureServices(static services => services.RemoveAll<IPresenceObserver>()));
        await using var alice = await cluster.ConnectAsync(0, "alice");
        await cluster.WaitForHoldersAsync("alice", 1); // rosters that began before the first record would pause once
        var rosters = new[] { cluster.Roster(0), cluster.Roster(1) };
        await alice.SendAsync("red", Cancellation);
        await UntilAsync(() => Array.TrueForAll(rosters, static roster => roster.IsInGroup("alice", "red") && roster.IsOnline("alice")), "alice is known");

        await alice.CloseAsync(cancellationToken: Cancellation);
        await UntilAsync(() => Array.TrueForAll(rosters, static roster => roster.Count + roster.CountInGroup("red") == 0), "alice has gone");
        await using var again = await cluster.ConnectAsync(1, "alice");
        await UntilAsync(() => Array.TrueForAll(rosters, static roster => roster.IsOnline("alice")), "alice is back");
        Assert.Empty(cluster.Told.All);
    }

    [Fact]
    public async Task Roster_NewsLostOnTheWay_AreNoticedWithinAHeartbeat()
    {
        await using var cluster = await PresenceCluster.StartAsync(2);
        var roster = cluster.Roster(1);
        await using var alice = await cluster.ConnectAsync(0, "alice");
        await cluster.AdvanceUntilAsync(() => roster.IsOnline("alice"), "alice is known");
        await cluster.AdvanceAsync(3); // whoever is first heard is looked after once more
        await cluster.AdvanceUntilAsync(() => roster.IsCurrent, "nothing is left to be read");

        cluster.Nodes[1].Backplane.Options.LossProbability = 1;
        await alice.CloseAsync(cancellationToken: Cancellation);
        await using var bob = await cluster.ConnectAsync(0, "bob");
        await cluster.Told.WaitForAsync(3);
        await cluster.SettleAsync();
        Assert.Equal("alice", Everyone(roster));
        cluster.Nodes[1].Backplane.Options.LossProbability = 0;
        await cluster.AdvanceAsync(3);

        await cluster.AdvanceUntilAsync(() => Everyone(roster) == "bob" && roster.IsCurrent, "the snapshot is read");
    }

    [Fact]
    public async Task WaitUntilRead_OutageBeforeTheFirstSnapshot_ThrowsUntilThereIsOneAndReturnsInLaterOutages()
    {
        await using var cluster = await PresenceCluster.StartAsync(2);
        await using var alice = await cluster.ConnectAsync(0, "alice");
        await cluster.Told.WaitForAsync(1);
        var roster = cluster.Roster(1);
        cluster.Nodes.CutBackplane();

        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => roster.WaitUntilReadAsync(Cancellation).AsTask().WithinGuardAsync());

        cluster.Nodes.RestoreBackplane();
        await cluster.AdvanceUntilAsync(() => roster.Count == 1, "the snapshot is read");
        cluster.Nodes.CutBackplane();
        await UntilAsync(() => !roster.IsCurrent, "the outage is known");
        await roster.WaitUntilReadAsync(Cancellation).WithinGuardAsync();
        Assert.Equal("alice", Everyone(roster));
        cluster.Nodes.RestoreBackplane();
    }

    [Fact]
    public async Task Roster_BackplaneCutAndBack_IsReadAgain()
    {
        await using var cluster = await PresenceCluster.StartAsync(2);
        var roster = cluster.Roster(1);
        await using var alice = await cluster.ConnectAsync(0, "alice");
        await cluster.AdvanceUntilAsync(() => roster.IsOnline("alice"), "alice is known");

        cluster.Nodes.CutBackplane();
        await alice.CloseAsync(cancellationToken: Cancellation);
        await cluster.Told.WaitForAsync(2);
        await UntilAsync(() => !roster.IsCurrent, "the outage is known");
        cluster.Nodes.RestoreBackplane();

        await cluster.AdvanceUntilAsync(() => roster.IsCurrent, "the snapshot is read");
        Assert.Equal("", Everyone(roster));
    }

    [Fact]
    public async Task Roster_NodeStopsBeforeItIsRead_EndsTheWaits()
    {
        await using var cluster = await PresenceCluster.StartAsync(1);
        cluster.Nodes.CutBackplane();
        var roster = cluster.Roster(0);
        var current = roster.WaitUntilCurrentAsync(CancellationToken.None).AsTask();
        var read = roster.WaitUntilReadAsync(CancellationToken.None).AsTask(); // may begin before the first attempt has failed, or after it
        await cluster.Nodes.StopAsync(0, Cancellation);

        await Assert.ThrowsAsync<InvalidOperationException>(() => current.WaitAsync(Eventually.Guard, Cancellation));
        var error = await Assert.ThrowsAnyAsync<Exception>(() => read.WaitAsync(Eventually.Guard, Cancellation));
        Assert.True(error is InvalidOperationException or BackplaneUnavailableException, error.ToString());
    }

    [Fact]
    public async Task Roster_StoreLosesEverything_KeepsWhoIsThere()
    {
        await using var cluster = await PresenceCluster.StartAsync(2);
        await cluster.WaitForNodesAsync(2);
        var roster = cluster.Roster(1);
        await using var alice = await cluster.ConnectAsync(0, "alice");
        await cluster.AdvanceUntilAsync(() => roster.IsOnline("alice"), "alice is known");

        cluster.Store.Flush();
        for (var second = 0; second < 8; second++)
        {
            await cluster.AdvanceAsync(1);
            Assert.True(roster.IsOnline("alice"));
        }

        await using var bob = await cluster.ConnectAsync(0, "bob");
        await cluster.AdvanceUntilAsync(() => Everyone(roster) == "alice bob", "bob is known");
        await alice.CloseAsync(cancellationToken: Cancellation);
        await cluster.AdvanceUntilAsync(() => Everyone(roster) == "bob", "alice has gone");
    }

    [Fact]
    public async Task Roster_AllNodesOfTheHubSignOffUnheard_IsEmptied()
    {
        await using var cluster = await PresenceCluster.StartAsync(2, serves: static node => node == 0);
        var roster = cluster.Roster(1);
        await using var alice = await cluster.ConnectAsync(0, "alice");
        await cluster.AdvanceUntilAsync(() => roster.IsOnline("alice"), "alice is known");

        cluster.Nodes[1].Backplane.Cut();
        await cluster.Nodes.StopAsync(0, Cancellation);
        Assert.Empty(await cluster.Store.ListAsync(PresenceCluster.Hub));
        cluster.Nodes[1].Backplane.Restore();

        await cluster.AdvanceUntilAsync(() => roster is { IsCurrent: true, Count: 0 }, "nobody is there");
    }

    [Fact]
    public async Task Roster_NodeKilled_ItsUsersGo()
    {
        await using var cluster = await PresenceCluster.StartAsync(3);
        var rosters = new[] { cluster.Roster(1), cluster.Roster(2) };
        await using var alice = await cluster.ConnectAsync(0, "alice");
        await cluster.AdvanceUntilAsync(() => Array.TrueForAll(rosters, static roster => roster.IsOnline("alice")), "alice is known");

        await cluster.Nodes.CrashAsync(0);

        await cluster.AdvanceUntilAsync(() => Array.TrueForAll(rosters, static roster => roster.Count == 0), "alice has gone");
    }

    [Fact]
    public async Task Roster_HubWithoutPresence_SaysWhatToDo()
    {
        await using var cluster = await PresenceCluster.StartAsync(1, PresenceScope.None);
        var error = Assert.Throws<InvalidOperationException>(() => cluster.Roster(0).IsOnline("alice"));
        Assert.Contains("HubOptions.Presence", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Roster_HubWithoutPresenceOfGroups_SaysWhatToDo()
    {
        await using var cluster = await PresenceCluster.StartAsync(1, PresenceScope.Users);
        var error = Assert.Throws<InvalidOperationException>(() => cluster.Roster(0).CountInGroup("red"));
        Assert.Contains("UsersAndGroups", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Presence_NotSwitchedOn_CostsNothing()
    {
        await using var cluster = await PresenceCluster.StartAsync(2, PresenceScope.None);
        await using var client = await cluster.ConnectAsync(0, "alice");
        await client.SendAsync("red", Cancellation);
        await cluster.Nodes.WaitForSessionsAsync(SessionQuery.ForGroup(PresenceCluster.Hub, "red"), 1, Cancellation);
        await cluster.AdvanceAsync(5);
        await client.CloseAsync(cancellationToken: Cancellation);
        await cluster.Nodes.WaitForConnectionsAsync(0, Cancellation);

        Assert.Equal(0, cluster.Store.PresenceCalls);
        Assert.Empty(cluster.Told.All);
        Assert.Equal(0, Subscriptions(cluster, 0));
    }

    [Fact]
    public async Task Presence_NobodyAsksForARoster_SubscribesNothing()
    {
        await using var cluster = await PresenceCluster.StartAsync(2);
        await using var client = await cluster.ConnectAsync(0, "alice");
        await cluster.Told.WaitForAsync(1);
        Assert.Equal(0, Subscriptions(cluster, 0));

        await cluster.Roster(0).WaitUntilCurrentAsync(Cancellation);
        Assert.Equal(1, Subscriptions(cluster, 0));
        Assert.Equal(0, Subscriptions(cluster, 1));
    }

    [Fact]
    public async Task Presence_StoreThatCannotKeepIt_StopsTheStart()
    {
        var services = new ServiceCollection();
        services.AddDistributedWebSockets().AddHub<PresenceHandler>(static hub => hub.Presence = PresenceScope.Users)
            .UseSessionStore(static _ => Moq.Mock.Of<ISessionStore>());
        await using var provider = services.BuildServiceProvider();
        provider.GetRequiredService<Hubs>().Get(PresenceCluster.Hub);

        var error = Assert.Throws<InvalidOperationException>(provider.GetRequiredService<PresenceService>().Start);
        Assert.Contains("IPresenceStore", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Presence_NodesThatDiffer_AreReported()
    {
        var nodes = 0;
        await using var cluster = await PresenceCluster.StartAsync(
            2,
            configure: options => options.ConfigureServices(services =>
            {
                if (Interlocked.Increment(ref nodes) == 2)
                {
                    services.AddDistributedWebSockets().AddHub<PresenceHandler>(static hub => hub.Presence = PresenceScope.None);
                }
            }));
        await cluster.AdvanceAsync(8);

        var problem = cluster.Nodes[0].Services.GetRequiredService<NodeHealth>().AgreementProblem;
        Assert.Contains("'chat=none' where this one has 'chat=groups'", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("chat=users", "chat=users", true)]
    [InlineData("chat=users", "chat=none", false)]
    [InlineData("chat=users,game=none", "game=groups", false)]
    [InlineData("chat=users", "game=groups", true)]
    [InlineData("chat=users", "", true)]
    public void Scopes_OfTwoNodes_AgreeIfThoseOfCommonHubsDo(string own, string theirs, bool agree) => Assert.Equal(agree, HubSettings.Agree(own, theirs));

    private static int Subscriptions(PresenceCluster cluster, int node) => cluster.Nodes[node].Services.GetRequiredService<ChannelSubscriptions>().CountNeeded(
        cluster.Nodes[node].Services.GetRequiredService<Hubs>().Get(PresenceCluster.Hub).PresenceChannel);

    private static string Everyone(IPresenceRoster roster) => string.Join(' ', roster.ListUsers().Order());

    private static Task UntilAsync(Func<bool> condition, string expectation) => Eventually.TrueAsync(condition, expectation);
}
