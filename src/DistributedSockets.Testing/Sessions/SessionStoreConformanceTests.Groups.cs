using System.Text;
using static DistributedSockets.SessionChangeKind;

namespace DistributedSockets.Testing;

/// <summary>What is promised of the groups of a hub and their sizes.</summary>
public abstract partial class SessionStoreConformanceTests
{
    [Fact]
    public async Task ListGroups_SeveralNodes_SizesAddUpAndFollowEachChange()
    {
        var (store, first) = await NewLiveNodeAsync();
        var (other, second) = await NewLiveNodeAsync();
        var (alice, bob, carol) = (NewSession(first, "alice", ["red", "blue"]), NewSession(first, "bob", ["red"]), NewSession(second, "carol", ["red"]));
        Assert.Empty(await ListGroupsAsync(store));
        await CommitAsync(store, first, new() { Kind = Saved, Session = alice }, new() { Kind = Saved, Session = bob });
        await CommitAsync(other, second, new() { Kind = Saved, Session = carol }, new() { Kind = Saved, Session = NewSession(second, "carol", ["red"]) with { Hub = "push" } });
        Assert.Equal(["blue: 1", "red: 3"], await ListGroupsAsync(NewStore()));
        Assert.Equal(["red: 1"], await ListGroupsAsync(NewStore(), GroupQuery.ByName("push")));
        Assert.Empty(await ListGroupsAsync(NewStore(), GroupQuery.Largest("none")));

        await CommitAsync(other, second, new SessionChange { Kind = GroupAdded, Session = carol with { Groups = ["red", "blue"] }, Group = "blue" });
        await CommitAsync(store, first, new SessionChange { Kind = GroupRemoved, Session = bob with { Groups = [] }, Group = "red" });
        Assert.Equal(["blue: 2", "red: 2"], await ListGroupsAsync(store));

        await CommitAsync(store, first, new SessionChange { Kind = Ended, Session = alice });
        Assert.Equal(["blue: 1", "red: 1"], await ListGroupsAsync(store));

        await CommitAsync(other, second, new SessionChange { Kind = Ended, Session = carol with { Groups = ["red", "blue"] } });
        Assert.Empty(await ListGroupsAsync(store));
        Assert.Empty(await ListGroupsAsync(store, GroupQuery.Largest(Hub)));
    }

    [Fact]
    public async Task ListGroups_SameChangesTwice_AreCountedOnce()
    {
        var (store, node) = await NewLiveNodeAsync();
        var (staying, ending) = (NewSession(node, "alice", ["red"]), NewSession(node, "bob", ["red"]));
        SessionChange[] changes =
        [
            new() { Kind = Saved, Session = staying },
            new() { Kind = Saved, Session = ending },
            new() { Kind = GroupAdded, Session = staying with { Groups = ["red", "blue"] }, Group = "blue" },
            new() { Kind = GroupRemoved, Session = staying with { Groups = ["blue"] }, Group = "red" },
            new() { Kind = Ended, Session = ending },
        ];

        await CommitAsync(store, node, changes);
        Assert.Equal(["blue: 1"], await ListGroupsAsync(store));

        await CommitAsync(store, node, changes);
        Assert.Equal(["blue: 1"], await ListGroupsAsync(store));
        Assert.Equal(["blue: 1"], await ListGroupsAsync(store, GroupQuery.Largest(Hub)));
    }

    [Fact]
    public async Task ListGroups_ByName_AreInTheOrderOfTheirBytesAndPaged()
    {
        var (store, node) = await NewLiveNodeAsync();
        var names = TrickyNames.All;
        await CommitAsync(store, node, [.. names.Select(name => new SessionChange { Kind = Saved, Session = NewSession(node, "alice", [name]) })]);
        string[] ordered = [.. names.OrderBy(static name => Convert.ToHexString(Encoding.UTF8.GetBytes(name)), StringComparer.Ordinal).Select(static name => $"{name}: 1")];

        foreach (var pageSize in new[] { 1, 7, names.Count, 1_000 })
        {
            var pages = await ListGroupPagesAsync(NewStore(), GroupQuery.ByName(Hub), pageSize);
            Assert.Equal(ordered, pages.SelectMany(static page => page));
            Assert.Equal((names.Count + pageSize - 1) / pageSize, pages.Count);
        }

        Assert.Equal(ordered, (await ListGroupPagesAsync(NewStore(), GroupQuery.Largest(Hub), 7)).SelectMany(static page => page)); // all of one size
    }

    [Fact]
    public async Task ListGroups_Prefix_OnlyThoseThatBeginWithIt()
    {
        var (store, node) = await NewLiveNodeAsync();
        var names = TrickyNames.All;
        await CommitAsync(store, node, [.. names.Select(name => new SessionChange { Kind = Saved, Session = NewSession(node, "alice", [name]) })]);

        foreach (var prefix in new[] { "a", "a:", "user:", "\ud83d\ude80", "*", "\0", new string('x', 255), "none" })
        {
            string[] expected = [.. names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
                .OrderBy(static name => Convert.ToHexString(Encoding.UTF8.GetBytes(name)), StringComparer.Ordinal).Select(static name => $"{name}: 1")];
            Assert.Equal(expected, await ListGroupsAsync(store, GroupQuery.ByName(Hub, prefix)));
            Assert.Equal(expected, (await ListGroupPagesAsync(store, GroupQuery.ByName(Hub, prefix), 2)).SelectMany(static page => page));
        }
    }

    [Fact]
    public async Task ListGroups_Largest_ComeFirstAndPaged()
    {
        var (store, node) = await NewLiveNodeAsync();
        var (other, second) = await NewLiveNodeAsync();

        // Group n has n connections, on two nodes; every third has the size of the one before it.
        var sizes = Enumerable.Range(1, 30).ToDictionary(static i => $"g{i:00}", static i => i % 3 == 0 ? i - 1 : i);
        Session[] Sessions(NodeInfo on, Func<int, int> share) =>
            [.. Enumerable.Range(0, 30).Select(i => NewSession(on, "alice", [.. sizes.Where(size => i < share(size.Value)).Select(static size => size.Key)]))];
        await CommitAsync(store, node, [.. Sessions(node, static size => size / 2).Select(static session => new SessionChange { Kind = Saved, Session = session })]);
        await CommitAsync(other, second, [.. Sessions(second, static size => size - (size / 2)).Select(static session => new SessionChange { Kind = Saved, Session = session })]);
        string[] expected = [.. sizes.OrderByDescending(static size => size.Value).ThenBy(static size => size.Key, StringComparer.Ordinal).Select(static size => $"{size.Key}: {size.Value}")];

        foreach (var pageSize in new[] { 1, 4, 30, 100 })
        {
            Assert.Equal(expected, (await ListGroupPagesAsync(NewStore(), GroupQuery.Largest(Hub), pageSize)).SelectMany(static page => page));
        }
    }

    [Theory]
    [InlineData(GroupOrder.Name)]
    [InlineData(GroupOrder.Largest)]
    public async Task ListGroups_GroupsComeAndGo_ThoseThatStayComeOnce(GroupOrder order)
    {
        var (store, node) = await NewLiveNodeAsync();
        var (stays, passing) = (NewSession(node, "alice", [.. Enumerable.Range(0, 40).Select(static i => $"g{i:000}")]), NewSession(node, "bob", [.. Enumerable.Range(0, 40).Select(static i => $"g{i:000}a")]));
        await CommitAsync(store, node, new() { Kind = Saved, Session = stays }, new() { Kind = Saved, Session = passing });
        var round = 0;

        var listed = (await ListGroupPagesAsync(NewStore(), order == GroupOrder.Name ? GroupQuery.ByName(Hub) : GroupQuery.Largest(Hub), 5, ChangeAsync)).SelectMany(static page => page).ToList();

        Assert.Equal(listed.Count, listed.Distinct().Count());
        string[] stayed = [.. stays.Groups.Select(static group => $"{group}: 1")];
        Assert.Equal(stayed, listed.Where(stayed.Contains));

        async Task ChangeAsync()
        {
            // One goes, and one comes, each before and behind where the list is.
            var (gone, come) = (passing.Groups[0], $"g{(round++ * 17) % 40:000}b{round}");
            passing = passing with { Groups = [.. passing.Groups.Skip(1), come] };
            await CommitAsync(store, node, new() { Kind = GroupRemoved, Session = passing, Group = gone }, new() { Kind = GroupAdded, Session = passing, Group = come });
        }
    }

    [Fact]
    public async Task ListGroups_NodeLost_OnlyTheLivingCount()
    {
        var (store, node) = await NewLiveNodeAsync();
        var (other, lost) = (NewStore(), NewNode());
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = NewSession(node, "alice", ["red", "small"]) });
        await LoseNodeAsync(other, lost, [.. Enumerable.Range(0, 300).Select(i => NewSession(lost, "bob", ["red", $"g{i}"]))]);

        Assert.Equal(["red: 1", "small: 1"], await ListGroupsAsync(NewStore()));
        Assert.Equal(["red: 1", "small: 1"], await ListGroupsAsync(NewStore(), GroupQuery.Largest(Hub)));

        Assert.Equal(300, (await ClaimAllAsync(NewStore(), 100)).Count);
        Assert.Equal(["red: 1", "small: 1"], await ListGroupsAsync(store));
    }

    [Fact]
    public async Task ListGroups_NodeBackAfterItWasLost_CountsWhatItWritesAnew()
    {
        var (store, node) = (NewStore(), NewNode());
        var session = NewSession(node, "alice", ["red"]);
        foreach (var isClaimed in new[] { false, true })
        {
            await LoseNodeAsync(store, node, session);
            Assert.Empty(await ListGroupsAsync(NewStore()));
            if (isClaimed)
            {
                Assert.Single(await ClaimAllAsync(NewStore(), 10));
            }

            Assert.False(await store.RenewLeaseAsync(node, LongLease, Cancellation));
            await store.ResetAsync(node.NodeId, Cancellation);
            Assert.Empty(await ListGroupsAsync(NewStore()));
            await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });

            Assert.Equal(["red: 1"], await ListGroupsAsync(NewStore()));
            Assert.True(await store.RenewLeaseAsync(node, LongLease, Cancellation));
        }
    }

    [Fact]
    public async Task ListGroups_NodeResetOrRemoved_LosesItsShare()
    {
        var (store, node) = await NewLiveNodeAsync();
        var (other, second) = await NewLiveNodeAsync();
        await CommitAsync(store, node, [.. Enumerable.Range(0, 300).Select(i => new SessionChange { Kind = Saved, Session = NewSession(node, "alice", ["red", $"g{i}"]) })]);
        await CommitAsync(other, second, new SessionChange { Kind = Saved, Session = NewSession(second, "bob", ["red"]) });

        await store.ResetAsync(node.NodeId, Cancellation);
        Assert.Equal(["red: 1"], await ListGroupsAsync(other));
        Assert.True(await store.RenewLeaseAsync(node, LongLease, Cancellation));

        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = NewSession(node, "alice", ["red", "new"]) });
        Assert.Equal(["new: 1", "red: 2"], await ListGroupsAsync(other));
        Assert.True(await store.RenewLeaseAsync(node, LongLease, Cancellation));

        await store.RemoveNodeAsync(node.NodeId, Cancellation);
        Assert.Equal(["red: 1"], await ListGroupsAsync(other));
    }

    [Fact]
    public async Task ListGroups_ManyNodesAtOnce_NoChangeIsMissed()
    {
        const int rounds = 40;
        var nodes = Enumerable.Range(0, 4).Select(_ => NewNode()).ToArray();

        await Task.WhenAll(nodes.Select(node => Task.Run(async () =>
        {
            var store = CreateStore(Cluster);
            await using (store)
            {
                await store.RenewLeaseAsync(node, LongLease, Cancellation);
                for (var i = 0; i < rounds; i++)
                {
                    var (passing, staying) = (NewSession(node, "bob", ["all", "passing"]), NewSession(node, "alice", ["all", $"g{i % 5}"]));
                    await CommitAsync(store, node, new() { Kind = Saved, Session = passing }, new() { Kind = Saved, Session = staying });
                    await CommitAsync(store, node, new SessionChange { Kind = Ended, Session = passing });
                }
            }
        })));

        var perGroup = nodes.Length * rounds / 5;
        string[] expected = [$"all: {nodes.Length * rounds}", .. Enumerable.Range(0, 5).Select(i => $"g{i}: {perGroup}")];
        Assert.Equal(expected, await ListGroupsAsync(NewStore()));
        Assert.Equal(expected, await ListGroupsAsync(NewStore(), GroupQuery.Largest(Hub)));
    }
}
