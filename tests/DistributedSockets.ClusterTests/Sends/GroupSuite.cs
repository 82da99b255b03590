namespace DistributedSockets.ClusterTests;

/// <summary>Joins and leaves count from the moment they are answered, in the whole cluster.</summary>
public abstract class GroupSuite(NodePair cluster)
{
    private readonly string _group = SharedCluster.Unique("group");

    [Fact]
    public async Task Join_ThenSendFromTheOtherNodeAtOnce_Arrives()
    {
        await using var member = await cluster.A.ConnectAsync();
        await using var sender = await cluster.B.ConnectAsync();
        for (var round = 0; round < 50; round++)
        {
            await member.AskAsync($"J{_group}{round}", $"ok J{_group}{round}");
            await sender.SendAsync($"G{_group}{round} hello {round}");
            await member.ExpectAsync($"hello {round}");
        }
    }

    [Fact]
    public async Task Join_ThenSendFromTheSameConnectionWithoutWaiting_Arrives()
    {
        await using var member = await cluster.A.ConnectAsync();

        await member.SendAsync($"J{_group}");
        await member.SendAsync($"G{_group} hello");

        await member.ExpectAsync($"ok J{_group}");
        await member.ExpectAsync("hello");
    }

    [Fact]
    public async Task Leave_ThenSendFromEitherNode_NothingArrives()
    {
        await using var leaver = await cluster.A.ConnectAsync(groups: _group);
        await using var stayer = await cluster.A.ConnectAsync(groups: _group);
        await using var far = await cluster.B.ConnectAsync(groups: _group);

        await leaver.AskAsync($"L{_group}", $"ok L{_group}");
        await far.SendAsync($"G{_group} from far");
        await far.ExpectAsync("from far");
        await stayer.ExpectAsync("from far");
        await stayer.SendAsync($"G{_group} from near");
        await stayer.ExpectAsync("from near");
        await leaver.AskAsync($"J{_group}", $"ok J{_group}");
        await far.SendAsync($"G{_group} fence");

        await leaver.ExpectAsync("fence");
    }

    [Fact]
    public async Task LeaveAndJoin_ManyTimesOver_MembershipIsThatOfTheLast()
    {
        await using var member = await cluster.A.ConnectAsync();
        await using var stayer = await cluster.A.ConnectAsync(groups: _group);
        await using var far = await cluster.B.ConnectAsync();
        for (var round = 0; round < 20; round++)
        {
            await member.AskAsync($"J{_group}", $"ok J{_group}");
            await member.AskAsync($"L{_group}", $"ok L{_group}");
            await far.SendAsync($"G{_group} out {round}");
            await stayer.ExpectAsync($"out {round}"); // so the member's node has delivered it
            await member.AskAsync($"J{_group}", $"ok J{_group}");
            await far.SendAsync($"G{_group} in {round}");
            await stayer.ExpectAsync($"in {round}");
            await member.ExpectAsync($"in {round}");
            await member.AskAsync($"L{_group}", $"ok L{_group}");
        }
    }

    [Fact]
    public async Task LeaveAGroupItIsNotIn_IsAnsweredOk()
    {
        await using var member = await cluster.A.ConnectAsync();

        await member.AskAsync($"L{_group}", $"ok L{_group}");
    }

    [Fact]
    public async Task JoinAndLeave_FromTheOtherNode_AreDoneWhenTheyReturn()
    {
        await using var member = await cluster.A.ConnectAsync();
        await using var sender = await cluster.B.ConnectAsync();
        var other = $"{_group}-2";

        Assert.Equal(new(true, null, null), await cluster.B.CommandAsync(new { op = "join", connection = member.ConnectionId, group = _group }));
        Assert.Equal(new(true, null, null), await cluster.B.CommandAsync(new { op = "join", connection = member.ConnectionId, group = other }));
        await sender.SendAsync($"G{_group} hello");
        await member.ExpectAsync("hello");

        Assert.Equal(new(true, null, null), await cluster.B.CommandAsync(new { op = "leave", connection = member.ConnectionId, group = _group }));
        await sender.SendAsync($"G{_group} not any more");
        await sender.SendAsync($"G{other} still here");
        await member.ExpectAsync("still here");

        Assert.Equal(new(true, null, null), await cluster.B.CommandAsync(new { op = "leaveAll", connection = member.ConnectionId }));
        await sender.SendAsync($"G{other} not any more");
        await sender.SendAsync($"C{member.ConnectionId} fence");
        await member.ExpectAsync("fence");
    }

    [Fact]
    public async Task Join_ConnectionOfManyGroupsAndUsers_IsListedInTheStore()
    {
        var user = SharedCluster.Unique("user");
        await using var member = await cluster.A.ConnectAsync(user, $"{_group},{_group}-2");
        await using var far = await cluster.B.ConnectAsync(user, _group);

        var ofGroup = await Guard.UntilAsync(() => cluster.B.SessionsAsync($"group={_group}"), static found => found.Length == 2, "both in the group");
        Assert.Equal(new[] { member.ConnectionId, far.ConnectionId }.Order(), ofGroup.Select(static session => session.ConnectionId).Order());
        var session = Assert.Single(await cluster.B.SessionsAsync($"group={_group}-2"));
        Assert.Equal(user, session.UserId);
        Assert.Equal(member.NodeId, session.NodeId);
        Assert.Equal("testnode", session.Hub);
        Assert.Equal([_group, $"{_group}-2"], session.Groups.Order());
        Assert.Equal(2, (await cluster.A.SessionsAsync($"user={user}")).Length);
        Assert.Contains(await cluster.A.SessionsAsync($"node={far.NodeId}"), found => found.ConnectionId == far.ConnectionId);

        await member.AskAsync($"L{_group}", $"ok L{_group}");
        await Guard.UntilAsync(() => cluster.B.SessionsAsync($"group={_group}"), static found => found.Length == 1, "one in the group");
    }
}
