using System.Net;

namespace DistributedSockets.ClusterTests;

/// <summary>Every target reaches its connections on this node, on the other, and on both.</summary>
public abstract class SendTargetSuite(NodePair cluster)
{
    private readonly string _user = SharedCluster.Unique("user");
    private readonly string _otherUser = SharedCluster.Unique("other");
    private readonly string _group = SharedCluster.Unique("group");
    private readonly string _otherGroup = SharedCluster.Unique("others");

    [Fact]
    public async Task SendToAll_ConnectionsOnBothNodes_AllReceive()
    {
        await using var sender = await cluster.A.ConnectAsync();
        await using var near = await cluster.A.ConnectAsync();
        await using var far = await cluster.B.ConnectAsync();

        await sender.SendAsync("Bhello");

        await sender.ExpectAsync("hello");
        await near.ExpectAsync("hello");
        await far.ExpectAsync("hello");
    }

    [Fact]
    public async Task SendToUser_SeveralConnectionsOnBothNodes_EachReceivesOnce()
    {
        await using var sender = await cluster.A.ConnectAsync(_otherUser);
        await using var near1 = await cluster.A.ConnectAsync(_user);
        await using var near2 = await cluster.A.ConnectAsync(_user);
        await using var far1 = await cluster.B.ConnectAsync(_user);
        await using var far2 = await cluster.B.ConnectAsync(_user);

        await sender.SendAsync($"U{_user} first one");
        await sender.SendAsync($"U{_user} second");
        DotNetClient[] receivers = [near1, near2, far1, far2];
        foreach (var client in receivers)
        {
            await client.ExpectAsync("first one");
            await client.ExpectAsync("second");
        }

        await far1.SendAsync($"U{_user} fence");
        foreach (var client in receivers)
        {
            await client.ExpectAsync("fence");
        }

        await sender.AskAsync("Efence", "fence");
    }

    [Fact]
    public async Task SendToUser_OnlyRemote_Receives()
    {
        await using var sender = await cluster.A.ConnectAsync();
        await using var far = await cluster.B.ConnectAsync(_user);

        await sender.SendAsync($"U{_user} hello");

        await far.ExpectAsync("hello");
    }

    [Fact]
    public async Task SendToUser_OnlyLocal_Receives()
    {
        await using var sender = await cluster.A.ConnectAsync();
        await using var near = await cluster.A.ConnectAsync(_user);

        await sender.SendAsync($"U{_user} hello");

        await near.ExpectAsync("hello");
    }

    [Fact]
    public async Task SendToGroup_MembersOnBothNodes_OnlyMembersReceive()
    {
        await using var near = await cluster.A.ConnectAsync(groups: $"{_group},{_otherGroup}");
        await using var far = await cluster.B.ConnectAsync(groups: _group);
        await using var stranger = await cluster.B.ConnectAsync(groups: _otherGroup);

        await near.SendAsync($"G{_group} hello");
        await near.SendAsync($"G{_otherGroup} fence");

        await near.ExpectAsync("hello");
        await near.ExpectAsync("fence");
        await far.ExpectAsync("hello");
        await stranger.ExpectAsync("fence");
    }

    [Fact]
    public async Task SendToGroup_NameDiffersInCase_IsAnotherGroup()
    {
        var upper = _group.ToUpperInvariant();
        await using var near = await cluster.A.ConnectAsync(groups: _group);
        await using var far = await cluster.B.ConnectAsync(groups: upper);

        await near.SendAsync($"G{_group} lower");
        await near.SendAsync($"G{upper} upper");
        await near.SendAsync($"G{_group} fence");

        await near.ExpectAsync("lower");
        await near.ExpectAsync("fence");
        await far.ExpectAsync("upper");
    }

    [Theory]
    [InlineData("größe 🚀")]
    [InlineData("a:b{c}*?[d]")]
    public async Task SendToGroup_UnusualName_Receives(string name)
    {
        var group = $"{_group}{name.Replace(' ', '_')}";
        await using var near = await cluster.A.ConnectAsync(groups: group);
        await using var far = await cluster.B.ConnectAsync(groups: group);

        await near.SendAsync($"G{group} hello");

        await near.ExpectAsync("hello");
        await far.ExpectAsync("hello");
    }

    [Fact]
    public async Task SendToGroupExceptSender_MembersOnBothNodes_SenderReceivesNothing()
    {
        await using var sender = await cluster.A.ConnectAsync(groups: _group);
        await using var near = await cluster.A.ConnectAsync(groups: _group);
        await using var far = await cluster.B.ConnectAsync(groups: _group);

        await sender.SendAsync($"X{_group} hello");
        await sender.SendAsync($"G{_group} fence");

        await sender.ExpectAsync("fence");
        await near.ExpectAsync("hello");
        await near.ExpectAsync("fence");
        await far.ExpectAsync("hello");
        await far.ExpectAsync("fence");
    }

    [Fact]
    public async Task SendToConnection_LocalAndRemote_OnlyThatOneReceives()
    {
        await using var sender = await cluster.A.ConnectAsync(_user);
        await using var near = await cluster.A.ConnectAsync(_user);
        await using var far = await cluster.B.ConnectAsync(_user);

        await sender.SendAsync($"C{near.ConnectionId} near");
        await sender.SendAsync($"C{far.ConnectionId} far");
        await sender.SendAsync($"U{_user} fence");

        await near.ExpectAsync("near");
        await near.ExpectAsync("fence");
        await far.SkipToAsync(static next => next.Text == "far"); // the fence goes over another channel and may overtake it
        await sender.ExpectAsync("fence");
    }

    [Fact]
    public async Task SendToNobody_UnknownTargets_IsNoError()
    {
        await using var sender = await cluster.A.ConnectAsync();

        await sender.SendAsync($"U{_user} hello");
        await sender.SendAsync($"G{_group} hello");
        await sender.SendAsync($"X{_group} hello");
        await sender.SendAsync("Cnobody hello");
        await sender.SendAsync($"C{sender.NodeId}.AAAAAAAAAAAAAAAAAAAAAA hello");

        await sender.AskAsync("Efence", "fence");
    }

    [Fact]
    public async Task SendOverHttp_EveryTarget_IsAcceptedAndArrives()
    {
        await using var near = await cluster.A.ConnectAsync(_user, _group);
        await using var far = await cluster.B.ConnectAsync(_user, _group);
        foreach (var target in new[] { "all", $"user/{_user}", $"group/{_group}" })
        {
            Assert.Equal(HttpStatusCode.Accepted, await cluster.A.SendAsync(target, $"to {target}"));
            await near.ExpectAsync($"to {target}");
            await far.ExpectAsync($"to {target}");
        }

        Assert.Equal(HttpStatusCode.Accepted, await cluster.A.SendAsync($"connection/{far.ConnectionId}", "one"));
        await far.ExpectAsync("one");
        Assert.Equal(HttpStatusCode.Accepted, await cluster.A.SendAsync($"connection/{near.ConnectionId}", "one"));
        await near.ExpectAsync("one");
    }

    [Fact]
    public async Task SendToSeveral_OverlappingAndExcluded_OneCopyEach()
    {
        await using var near = await cluster.A.ConnectAsync(_user, $"{_group},{_otherGroup}");
        await using var far = await cluster.B.ConnectAsync(_user, $"{_group},{_otherGroup}");
        await using var excludedNear = await cluster.A.ConnectAsync(_user, _group);
        await using var excludedFar = await cluster.B.ConnectAsync(_otherUser, _otherGroup);
        string[] except = [excludedNear.ConnectionId, excludedFar.ConnectionId];
        foreach (object command in new object[]
        {
            new { op = "send", groups = new[] { _group, _otherGroup, _group }, except, text = "groups" },
            new { op = "send", users = new[] { _user, _otherUser }, except, text = "users" },
            new
            {
                op = "send",
                connections = new[] { near.ConnectionId, far.ConnectionId, excludedFar.ConnectionId, near.ConnectionId },
                except,
                text = "connections",
            },
            new { op = "send", except, text = "all" },
        })
        {
            Assert.Equal(new CommandAnswer(true, null, null), await cluster.A.CommandAsync(command));
        }

        // One node publishes on several channels here, so the order is free.
        string[] expected = ["all", "connections", "groups", "users"];
        foreach (var client in new[] { near, far })
        {
            var received = new[] { await client.TextAsync(), await client.TextAsync(), await client.TextAsync(), await client.TextAsync() };
            Assert.Equal(expected, received.Order());
        }

        // Silence, proven on every channel that was used.
        string[] ids = [near.ConnectionId, far.ConnectionId, excludedNear.ConnectionId, excludedFar.ConnectionId];
        await FenceAsync(["all", $"user/{_user}", $"user/{_otherUser}", $"group/{_group}", $"group/{_otherGroup}", .. ids.Select(static id => $"connection/{id}")]);
        await near.ExpectAsync("fence", times: 5);
        await far.ExpectAsync("fence", times: 5);
        await excludedNear.ExpectAsync("fence", times: 4);
        await excludedFar.ExpectAsync("fence", times: 4);
    }

    [Fact]
    public async Task SendBinary_LocalAndRemote_ArrivesAsBinary()
    {
        await using var near = await cluster.A.ConnectAsync(groups: _group);
        await using var far = await cluster.B.ConnectAsync(groups: _group);
        byte[] data = [0, 1, 0xFF, 0xFE, 0];

        await cluster.A.CommandAsync(new { op = "send", groups = new[] { _group }, binary = Convert.ToBase64String(data) });

        foreach (var client in new[] { near, far })
        {
            var received = await client.NextAsync();
            Assert.Equal("binary", received.Kind);
            Assert.Equal(data, received.Data);
        }
    }

    [Fact]
    public async Task TwoHubs_SameNames_DoNotHearEachOther()
    {
        await using var client = await cluster.A.ConnectAsync(_user, _group);
        await using var far = await cluster.B.ConnectAsync(_user, _group);
        await using var otherHub = await cluster.A.ConnectAsync(_user, _group, "/other");
        await using var farOtherHub = await cluster.B.ConnectAsync(_user, _group, "/other");

        foreach (var text in new[] { "hello", "fence" })
        {
            await otherHub.SendAsync($"U{_user} {text}");
            await otherHub.SendAsync($"G{_group} {text}");
            await otherHub.SendAsync($"B{text}");
            await otherHub.SendAsync($"C{client.ConnectionId} {text}");
            await otherHub.ExpectAsync(text, times: 3);
            await farOtherHub.ExpectAsync(text, times: 3);
        }

        await FenceAsync("all", $"user/{_user}", $"group/{_group}", $"connection/{client.ConnectionId}", $"connection/{far.ConnectionId}");
        await client.ExpectAsync("fence", times: 4);
        await far.ExpectAsync("fence", times: 4);
    }

    /// <summary>Sends to each target from the first node, so that what it has sent there before has come before.</summary>
    private async Task FenceAsync(params string[] targets)
    {
        foreach (var target in targets)
        {
            Assert.Equal(HttpStatusCode.Accepted, await cluster.A.SendAsync(target, "fence"));
        }
    }
}
