using DistributedSockets.Testing;

namespace DistributedSockets.Tests.Presence;

/// <summary>What the observers of a cluster are told of users who come and go.</summary>
public sealed class PresenceChangesTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task User_TwoConnectionsOnTwoNodes_ComesAndGoesOnce()
    {
        await using var cluster = await PresenceCluster.StartAsync(3);

        await using var first = await cluster.ConnectAsync(0, "alice");
        await cluster.Told.WaitForAsync(1);
        await using var second = await cluster.ConnectAsync(1, "alice");
        await cluster.WaitForHoldersAsync("alice", 2);
        await first.CloseAsync(cancellationToken: Cancellation);
        await cluster.WaitForHoldersAsync("alice", 1);
        Assert.Equal(["CameOnline alice"], cluster.Told.Texts);
        await second.CloseAsync(cancellationToken: Cancellation);
        await cluster.Told.WaitForAsync(2);
        await cluster.SettleAsync();

        Assert.Equal(["CameOnline alice", "WentOffline alice"], cluster.Told.Texts);
        Assert.Equal([cluster.Nodes.NodeIds[0], cluster.Nodes.NodeIds[1]], cluster.Told.All.Select(static told => told.NodeId));
        Assert.True(cluster.Told.All[1].Change.Number > cluster.Told.All[0].Change.Number);
        Assert.Equal(cluster.Told.All[0].Change.Epoch, cluster.Told.All[1].Change.Epoch);
    }

    [Fact]
    public async Task Group_TwoConnectionsOfAUserOnTwoNodes_IsEnteredAndLeftOnce()
    {
        await using var cluster = await PresenceCluster.StartAsync(2);
        await using var first = await cluster.ConnectAsync(0, "alice");
        await using var second = await cluster.ConnectAsync(1, "alice");
        await first.SendAsync("red", Cancellation);
        await cluster.Told.WaitForAsync(2);
        await second.SendAsync("red", Cancellation);
        await cluster.WaitForHoldersAsync("alice", 2, "red");
        await first.SendAsync("-red", Cancellation);
        await cluster.WaitForHoldersAsync("alice", 1, "red");
        await second.CloseAsync(cancellationToken: Cancellation);
        await cluster.Told.WaitForAsync(3);
        await cluster.SettleAsync();

        Assert.Equal(["CameOnline alice", "EnteredGroup alice red", "LeftGroup alice red"], cluster.Told.Texts);
    }

    [Fact]
    public async Task Users_OnlyUsersWanted_GroupsAreNotTold()
    {
        await using var cluster = await PresenceCluster.StartAsync(1, PresenceScope.Users);
        await using var client = await cluster.ConnectAsync(0, "alice");
        await cluster.Told.WaitForAsync(1); // who comes and goes before either is written is not told of
        await client.SendAsync("red", Cancellation);
        await cluster.Nodes.WaitForSessionsAsync(SessionQuery.ForGroup(PresenceCluster.Hub, "red"), 1, Cancellation);
        await client.CloseAsync(cancellationToken: Cancellation);
        await cluster.Told.WaitForAsync(2);
        await cluster.SettleAsync();

        Assert.Equal(["CameOnline alice", "WentOffline alice"], cluster.Told.Texts);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task ManyUsers_LastTwoConnectionsEndAtTheSameMoment_EachGoesOnce(int losesEachAnswer)
    {
        const int users = 40;
        await using var cluster = await PresenceCluster.StartAsync(2);
        cluster.Store.LosesEachAnswer = losesEachAnswer;
        var clients = new List<FakeClient>();
        for (var i = 0; i < users; i++)
        {
            clients.Add(await cluster.ConnectAsync(0, $"user-{i}"));
            clients.Add(await cluster.ConnectAsync(1, $"user-{i}"));
        }

        await PassUntilToldAsync(cluster, users);
        clients.ForEach(static client => client.Abort());
        await PassUntilToldAsync(cluster, 2 * users);
        await cluster.AdvanceAsync(4);
        await cluster.SettleAsync();

        Assert.All(Enumerable.Range(0, users), i => Assert.Equal([$"CameOnline user-{i}", $"WentOffline user-{i}"], cluster.Told.Of($"user-{i}")));
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }

    [Fact]
    public async Task Node_Killed_ItsUsersGoOnceAndThoseElsewhereStay()
    {
        await using var cluster = await PresenceCluster.StartAsync(3);
        await using var lost = await cluster.ConnectAsync(0, "alice");
        await lost.SendAsync("red", Cancellation);
        await using var doubled = await cluster.ConnectAsync(0, "bob");
        await using var other = await cluster.ConnectAsync(1, "bob");
        await cluster.WaitForHoldersAsync("bob", 2);
        await cluster.Told.WaitForAsync(3);
        await cluster.SettleAsync();

        await cluster.Nodes.CrashAsync(0);
        await cluster.AdvanceAsync(8);
        await cluster.Told.WaitForAsync(5);
        await cluster.AdvanceAsync(8);
        await cluster.SettleAsync();

        Assert.Equal(["CameOnline alice", "EnteredGroup alice red", "LeftGroup alice red", "WentOffline alice"], cluster.Told.Texts.Where(static text => text.Contains("alice")).Order());
        Assert.Equal(["CameOnline bob"], cluster.Told.Of("bob"));
    }

    [Fact]
    public async Task Node_Drained_ItsUsersGoOnceAndNothingIsLeft()
    {
        await using var cluster = await PresenceCluster.StartAsync(3);
        await using var first = await cluster.ConnectAsync(0, "alice");
        await using var second = await cluster.ConnectAsync(0, "bob");
        await using var other = await cluster.ConnectAsync(1, "bob");
        await cluster.WaitForHoldersAsync("bob", 2);

        await cluster.Nodes.StopAsync(0, Cancellation);
        await cluster.AdvanceAsync(8);
        await cluster.SettleAsync();

        Assert.Equal(["CameOnline alice", "WentOffline alice"], cluster.Told.Of("alice"));
        Assert.Equal(["CameOnline bob"], cluster.Told.Of("bob"));
        await other.CloseAsync(cancellationToken: Cancellation);
        await cluster.Told.WaitForAsync(4);
        await cluster.Nodes.StopAsync(1, Cancellation);
        await cluster.Nodes.StopAsync(2, Cancellation);
        Assert.Empty((await cluster.Store.ListAsync(PresenceCluster.Hub)).Select(static record => $"{record.Key}: {System.Text.Encoding.UTF8.GetString(record.Value.Span)}"));
    }

    [Fact]
    public async Task Node_DiesBeforeItHasTold_AnotherTells()
    {
        await using var cluster = await PresenceCluster.StartAsync(2);
        var (dying, reached, never) = (cluster.Nodes.NodeIds[0], new TaskCompletionSource(), new TaskCompletionSource());
        await using var elsewhere = await cluster.ConnectAsync(1, "alice");
        await using var client = await cluster.ConnectAsync(0, "bob");
        await cluster.Told.WaitForAsync(2);
        await cluster.SettleAsync();
        cluster.Told.Hold = async nodeId =>
        {
            if (nodeId == dying)
            {
                reached.TrySetResult();
                await never.Task;
            }
        };
        await client.CloseAsync(cancellationToken: Cancellation);
        await reached.Task.WithinGuardAsync();

        await cluster.Nodes.CrashAsync(0);
        await cluster.AdvanceAsync(8);
        await cluster.Told.WaitForAsync(3);
        await cluster.SettleAsync();

        Assert.Equal(["CameOnline bob", "WentOffline bob"], cluster.Told.Of("bob"));
        Assert.Equal(cluster.Nodes.NodeIds[1], cluster.Told.All[2].NodeId);
        cluster.Told.Hold = null;
        never.SetException(new InvalidOperationException("The node is dead."));
    }

    [Fact]
    public async Task Node_TakenForLostAndBack_ItsUsersGoAndComeAgain()
    {
        await using var cluster = await PresenceCluster.StartAsync(2);
        await cluster.WaitForNodesAsync(2);
        await using var elsewhere = await cluster.ConnectAsync(1, "alice");
        await using var client = await cluster.ConnectAsync(0, "bob");
        await cluster.Told.WaitForAsync(2);
        await cluster.SettleAsync();

        cluster.Store.CutOffNodeId = cluster.Nodes.NodeIds[0];
        await cluster.AdvanceAsync(8);
        await cluster.Told.WaitForAsync(3);
        cluster.Store.CutOffNodeId = null;
        await cluster.AdvanceAsync(5);
        await cluster.Told.WaitForAsync(4);
        await cluster.SettleAsync();

        Assert.Equal(["CameOnline bob", "WentOffline bob", "CameOnline bob"], cluster.Told.Of("bob"));
        Assert.Equal(["CameOnline alice"], cluster.Told.Of("alice"));
    }

    [Fact]
    public async Task WholeCluster_KilledAndStartedAgain_OldUsersGo()
    {
        await using var cluster = await PresenceCluster.StartAsync(1);
        await using var client = await cluster.ConnectAsync(0, "alice");
        await cluster.Told.WaitForAsync(1);
        await cluster.SettleAsync(); // a node that dies before it has noted what it told has that told again
        await cluster.Nodes.CrashAsync(0);

        await cluster.Nodes.AddNodeAsync(Cancellation);
        await cluster.AdvanceAsync(8);
        await cluster.Told.WaitForAsync(2);

        Assert.Equal(["CameOnline alice", "WentOffline alice"], cluster.Told.Texts);
    }

    private static async Task PassUntilToldAsync(PresenceCluster cluster, int count)
    {
        for (var turn = 0; turn < 60 && cluster.Told.All.Count < count; turn++)
        {
            await cluster.AdvanceAsync(1); // for attempts that wait after a failure
        }

        await cluster.Told.WaitForAsync(count);
    }
}
