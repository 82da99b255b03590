using DistributedSockets.Testing;

namespace DistributedSockets.Tests.Presence;

/// <summary>The session store loses all that it knew, and the nodes write it again.</summary>
public sealed class PresenceLossTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Store_LosesEverything_NobodyIsToldAgainAndNobodyIsLost()
    {
        await using var cluster = await PresenceCluster.StartAsync(3);
        await cluster.WaitForNodesAsync(3);
        await using var alice = await cluster.ConnectAsync(0, "alice");
        await alice.SendAsync("red", Cancellation);
        await using var bob = await cluster.ConnectAsync(1, "bob");
        await using var bobToo = await cluster.ConnectAsync(2, "bob");
        await cluster.WaitForHoldersAsync("bob", 2);
        await cluster.Told.WaitForAsync(3);
        await cluster.SettleAsync();

        cluster.Store.Flush();
        await cluster.AdvanceAsync(8);
        await cluster.WaitForHoldersAsync("bob", 2);
        await cluster.SettleAsync();
        Assert.Equal(3, cluster.Told.All.Count);

        await alice.CloseAsync(cancellationToken: Cancellation);
        await bob.CloseAsync(cancellationToken: Cancellation);
        await cluster.Told.WaitForAsync(5);
        await using var carol = await cluster.ConnectAsync(1, "carol");
        await cluster.Told.WaitForAsync(6);
        await bobToo.CloseAsync(cancellationToken: Cancellation);
        await cluster.Told.WaitForAsync(7);
        await cluster.SettleAsync();
        Assert.Equal(["CameOnline alice", "EnteredGroup alice red", "LeftGroup alice red", "WentOffline alice"], cluster.Told.Of("alice").Order());
        Assert.Equal(["CameOnline bob", "WentOffline bob"], cluster.Told.Of("bob"));
        Assert.Equal(["CameOnline carol"], cluster.Told.Of("carol"));
    }

    [Fact]
    public async Task Store_LosesEverything_WhoComesAndGoesBeforeItIsWrittenAgainIsToldOnce()
    {
        await using var cluster = await PresenceCluster.StartAsync(2);
        await cluster.WaitForNodesAsync(2);
        await using var alice = await cluster.ConnectAsync(0, "alice");
        await using var bob = await cluster.ConnectAsync(0, "bob");
        await cluster.Told.WaitForAsync(2);
        await cluster.SettleAsync();

        cluster.Store.Flush();
        await using var bobToo = await cluster.ConnectAsync(1, "bob"); // where nobody knows yet that he is online
        await using var carol = await cluster.ConnectAsync(1, "carol");
        await alice.CloseAsync(cancellationToken: Cancellation);
        await cluster.AdvanceAsync(8);
        await cluster.Told.WaitForAsync(4);
        await cluster.SettleAsync();

        Assert.Equal(["CameOnline alice", "WentOffline alice"], cluster.Told.Of("alice"));
        Assert.Equal(["CameOnline bob"], cluster.Told.Of("bob"));
        Assert.Equal(["CameOnline carol"], cluster.Told.Of("carol"));
    }

    [Fact]
    public async Task Store_GoesBackToBeforeANodeWasKnown_ItsUsersAreStillToldOnce()
    {
        await using var cluster = await PresenceCluster.StartAsync(2);
        await cluster.WaitForNodesAsync(2);
        await using var alice = await cluster.ConnectAsync(0, "alice");
        await cluster.Told.WaitForAsync(1);
        await cluster.SettleAsync();
        var copy = (await cluster.Store.ListAsync(PresenceCluster.Hub)).ConvertAll(record => PresenceLedger.Read(record) is not { } ledger || record.Key != PresenceLedger.Key
            ? record
            : record with { Version = 1, Value = ledger.Without([cluster.Nodes.NodeIds[1]]).Write() }); // as before the node entered it
        await using var bob = await cluster.ConnectAsync(1, "bob");
        await cluster.Told.WaitForAsync(2);
        await cluster.SettleAsync();

        await cluster.Store.GoBackToAsync(PresenceCluster.Hub, copy);
        await using var carol = await cluster.ConnectAsync(1, "carol");
        await bob.CloseAsync(cancellationToken: Cancellation);
        await cluster.AdvanceAsync(8);
        await cluster.Told.WaitForAsync(4);
        await cluster.SettleAsync();

        Assert.Equal(["CameOnline alice"], cluster.Told.Of("alice"));
        Assert.Equal(["CameOnline bob", "WentOffline bob"], cluster.Told.Of("bob"));
        Assert.Equal(["CameOnline carol"], cluster.Told.Of("carol"));
    }

    [Fact]
    public async Task Store_LosesEverythingWithANode_TheOthersGoOn()
    {
        await using var cluster = await PresenceCluster.StartAsync(3);
        await cluster.WaitForNodesAsync(3);
        await using var alice = await cluster.ConnectAsync(0, "alice");
        await using var bob = await cluster.ConnectAsync(1, "bob");
        await cluster.Told.WaitForAsync(2);
        await cluster.SettleAsync();

        await cluster.Nodes.CrashAsync(0);
        cluster.Store.Flush();
        await cluster.AdvanceAsync(10);
        await bob.CloseAsync(cancellationToken: Cancellation);
        await cluster.Told.WaitForAsync(3);

        Assert.Equal(["CameOnline bob", "WentOffline bob"], cluster.Told.Of("bob"));
    }

    [Fact]
    public async Task Store_AwayForAWhile_WhatCameAndWentMeanwhileIsToldAfterwards()
    {
        await using var cluster = await PresenceCluster.StartAsync(1);
        await cluster.WaitForNodesAsync(1);
        await using var alice = await cluster.ConnectAsync(0, "alice");
        await cluster.Told.WaitForAsync(1);
        await cluster.SettleAsync();

        cluster.Store.CutOffNodeId = cluster.Nodes.NodeIds[0];
        await alice.CloseAsync(cancellationToken: Cancellation);
        await using var bob = await cluster.ConnectAsync(0, "bob");
        await cluster.AdvanceAsync(6);
        Assert.Single(cluster.Told.All);
        cluster.Store.CutOffNodeId = null;
        await cluster.AdvanceAsync(6);
        await cluster.Told.WaitForAsync(3);

        Assert.Equal(["CameOnline alice", "CameOnline bob", "WentOffline alice"], cluster.Told.Texts.Order());
    }
}
