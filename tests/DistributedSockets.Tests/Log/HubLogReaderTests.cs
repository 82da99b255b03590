using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>What an app reads of a hub's log: pages, gaps, and the history with which a connection joins a group.</summary>
public sealed class HubLogReaderTests : IAsyncLifetime
{
    private const string Hub = "probe";

    private readonly FakeLogServer _server = new();
    private readonly List<TestClient> _clients = [];
    private FakeMessageLog _log = null!; // set by InitializeAsync
    private AppNode _node = null!; // set by InitializeAsync

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private IHubLog Log => _node.Router.Log;

    public async ValueTask InitializeAsync()
    {
        _log = new(_server);
        _node = await AppNode.StartAsync(
            options: static options =>
            {
                options.LogUsers = true;
                options.LoggedGroups.Add("*");
            },
            build: sockets => sockets.UseMessageLog(_ => _log));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            await client.DisposeAsync();
        }

        await _node.DisposeAsync();
    }

    [Fact]
    public async Task Read_OfATarget_PagesForwardsThroughWhatWasSentToIt()
    {
        await SendAsync(WebSocketTarget.Group("red"), "1", "2");
        await SendAsync(WebSocketTarget.Group("blue"), "x");
        await SendAsync(WebSocketTarget.Groups(["blue", "red"]), "3");
        await SendAsync(WebSocketTarget.User("red"), "y");

        var first = await Log.ReadAsync(WebSocketTarget.Group("red"), default, 2, Cancellation);
        var second = await Log.ReadAsync(WebSocketTarget.Group("red"), first.UpTo, 2, Cancellation);
        var third = await Log.ReadAsync(WebSocketTarget.Group("red"), second.UpTo, 2, Cancellation);

        AssertIs(first, hasMore: true, "1", "2");
        AssertIs(second, hasMore: false, "3");
        AssertIs(third, hasMore: false);
        Assert.Equal(["x", "3"], Texts(await Log.ReadAsync(WebSocketTarget.Group("blue"), default, 10, Cancellation)));
        Assert.Equal(["1", "2", "x", "3"], Texts(await Log.ReadAsync(WebSocketTarget.Groups(["red", "blue"]), default, 10, Cancellation)));
        Assert.Equal(await Log.GetEndAsync(Cancellation), second.UpTo);
        Assert.Equal(new(_server.Epoch, 4), Assert.Single(second.Messages).Position);
    }

    [Fact]
    public async Task ReadLast_OfATarget_PagesBackwardsOldestFirst()
    {
        await SendAsync(WebSocketTarget.Group("red"), "1", "2", "3", "4", "5");

        var last = await Log.ReadLastAsync(WebSocketTarget.Group("red"), 2, cancellationToken: Cancellation);
        var before = await Log.ReadLastAsync(WebSocketTarget.Group("red"), 2, last.After, Cancellation);
        var oldest = await Log.ReadLastAsync(WebSocketTarget.Group("red"), 2, before.After, Cancellation);

        AssertIs(last, hasMore: true, "4", "5");
        AssertIs(before, hasMore: true, "2", "3");
        AssertIs(oldest, hasMore: false, "1");
    }

    [Fact]
    public async Task Read_BehindWhatWasRemoved_TellsAGap()
    {
        await SendAsync(WebSocketTarget.Group("red"), "1", "2", "3");
        var start = new LogPosition(_server.Epoch, 1);
        _server.RemoveUpTo(Hub, 2);

        var page = await Log.ReadAsync(WebSocketTarget.Group("red"), start, 10, Cancellation);

        Assert.Equal(["3"], Texts(page));
        Assert.Equal(new LogGap { Cause = LogGapCause.Removed, UpTo = new(_server.Epoch, 2) }, page.Gap);
        Assert.Null((await Log.ReadAsync(WebSocketTarget.Group("red"), new(_server.Epoch, 2), 10, Cancellation)).Gap);
    }

    [Fact]
    public async Task Read_BehindAPositionThatTheLogDoesNotKnow_TellsAGapAndWhereToGoOn()
    {
        await SendAsync(WebSocketTarget.Group("red"), "1");
        var (old, future) = (await Log.GetEndAsync(Cancellation), new LogPosition(_server.Epoch, 1_000));

        var beyond = await Log.ReadAsync(WebSocketTarget.Group("red"), future, 10, Cancellation);
        Assert.Equal((LogGapCause.BeyondEnd, old, false), (beyond.Gap!.Cause, beyond.UpTo, beyond.HasMore));

        _server.BeginAnew();
        await SendAsync(WebSocketTarget.Group("red"), "2");
        foreach (var position in new[] { old, future, new LogPosition(_server.Epoch + 1, 1) })
        {
            var other = await Log.ReadAsync(WebSocketTarget.Group("red"), position, 10, Cancellation);
            Assert.Empty(other.Messages);
            Assert.Equal((LogGapCause.OtherEpoch, true), (other.Gap!.Cause, other.HasMore));
            Assert.Equal(["2"], Texts(await Log.ReadAsync(WebSocketTarget.Group("red"), other.UpTo, 10, Cancellation)));
        }
    }

    [Fact]
    public async Task Read_OfAnEntryThatWasPutUnderAnotherTarget_LeavesItOut()
    {
        await SendAsync(WebSocketTarget.Group("secret"), "s");
        var stolen = _server.Read(Hub, new() { Targets = null, Epoch = _server.Epoch, After = 0, UpTo = 1, MaxEntries = 1, MaxBytes = 1_000 }).Entries[0];
        _server.Append(Hub, new() { Targets = [LogTarget.Group("red")], Payload = stolen.Payload });
        _server.Append(Hub, new() { Targets = [LogTarget.Group("red")], Payload = "nonsense"u8.ToArray() });
        await SendAsync(WebSocketTarget.Group("red"), "r");

        Assert.Equal(["r"], Texts(await Log.ReadAsync(WebSocketTarget.Group("red"), default, 10, Cancellation)));
    }

    [Fact]
    public async Task Read_OfWhatHasExpired_LeavesItOut()
    {
        _server.Age = TimeSpan.FromHours(1);
        foreach (var minutes in (int[])[59, 61])
        {
            await _node.Router.SendAsync(
                WebSocketTarget.Group("red"), WebSocketMessage.Text($"{minutes}"), new SendOptions { TimeToLive = TimeSpan.FromMinutes(minutes) }, Cancellation);
        }

        var page = await Log.ReadAsync(WebSocketTarget.Group("red"), default, 10, Cancellation);

        Assert.Equal("61", Assert.Single(page.Messages).Message.GetText());
        Assert.Null(page.Gap);
        Assert.Equal(2, page.UpTo.Offset);
    }

    [Fact]
    public async Task Read_OfWhatCannotBe_IsRefused()
    {
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await Log.ReadAsync(WebSocketTarget.All, default, 0, Cancellation));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await Log.ReadLastAsync(WebSocketTarget.All, IHubLog.MaxLimit + 1, cancellationToken: Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Log.ReadAsync(WebSocketTarget.Groups([]), default, 1, Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Log.ReadAsync(WebSocketTarget.Groups([""]), default, 1, Cancellation));
        await using var plain = await AppNode.StartAsync();
        Assert.Contains("HubOptions.EnableLog", Assert.Throws<InvalidOperationException>(() => plain.Router.Log).Message);

        _log.Failure = new TimeoutException("slow");
        await Assert.ThrowsAsync<MessageLogUnavailableException>(async () => await Log.GetEndAsync(Cancellation));
    }

    [Fact]
    public async Task AddToGroup_WithTheLastMessages_SendsTheseThenAllFurtherOnes()
    {
        await SendAsync(WebSocketTarget.Group("red"), "1", "2", "3");
        var client = await ConnectAsync();

        await Log.AddToGroupAsync(client.Id, "red", 2, Cancellation);
        await SendAsync(WebSocketTarget.Group("red"), "4");
        await Log.AddToGroupAsync(client.Id, "red", 2, Cancellation); // a member already
        await SendAsync(WebSocketTarget.Group("red"), "5");

        await AssertReceivesAsync(client, "2", "3", "4", "5");
    }

    [Fact]
    public async Task AddToGroup_WhileTheGroupIsSentTo_NoneIsMissingAndNoneComesTwice()
    {
        const int Joins = 40;
        const int MaxMessages = 5_000; // all of which a client that does not read yet may have waiting
        using var done = new CancellationTokenSource();
        var sent = 0;
        var sending = Task.Run(
            async () =>
            {
                while (!done.IsCancellationRequested && sent < MaxMessages)
                {
                    await SendAsync(WebSocketTarget.Group("red"), $"{sent++}");
                    await SendAsync(WebSocketTarget.Group("blue"), "not this");
                    await Task.Yield();
                }
            },
            Cancellation);
        var joined = new List<TestClient>();
        for (var i = 0; i < Joins; i++)
        {
            var client = await ConnectAsync();
            await Log.AddToGroupAsync(client.Id, "red", 5, Cancellation);
            joined.Add(client);
        }

        await done.CancelAsync();
        await sending;
        await SendAsync(WebSocketTarget.Group("red"), "end");
        foreach (var client in joined)
        {
            int? last = null;
            for (var text = await client.ReceiveTextAsync(); text != "end"; text = await client.ReceiveTextAsync())
            {
                Assert.True(last is null || int.Parse(text) == last + 1, $"{text} came behind {last}.");
                last = int.Parse(text);
            }

            Assert.Equal(sent - 1, last);
        }
    }

    [Fact]
    public async Task AddToGroup_OfAConnectionOfAnotherNode_BringsTheLastMessagesToo()
    {
        var cluster = new InMemoryCluster();
        await using var here = await AppNode.StartAsync(cluster, static options => options.LoggedGroups.Add("*"));
        await using var there = await AppNode.StartAsync(cluster, static options => options.LoggedGroups.Add("*"));
        await using var client = await there.ConnectAsync();
        await using var member = await there.ConnectAsync();
        await here.Router.AddToGroupAsync(member.Id, "red", Cancellation);
        await here.Router.SendToGroupAsync("red", "1", Cancellation);
        await here.Router.SendToGroupAsync("red", "2", Cancellation);
        await AssertReceivesAsync(member, "1", "2"); // the other node has come so far

        await here.Router.Log.AddToGroupAsync(client.Id, "red", 1, Cancellation);
        await here.Router.SendToGroupAsync("red", "3", Cancellation);

        await AssertReceivesAsync(client, "2", "3");
        await Assert.ThrowsAsync<ConnectionNotFoundException>(async () => await here.Router.Log.AddToGroupAsync("other-node.AAAA", "red", 1, Cancellation));
    }

    [Fact]
    public async Task AddToGroup_WhatComesWhileTheHistoryIsRead_FollowsIt()
    {
        await SendAsync(WebSocketTarget.Group("red"), "1", "2");
        var client = await ConnectAsync();
        _log.ReadGate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var reads = _log.Reads;
        var join = Log.AddToGroupAsync(client.Id, "red", 10, Cancellation).AsTask();
        await Eventually.TrueAsync(() => _log.Reads > reads, "the history is being read");
        await SendAsync(WebSocketTarget.Group("red"), "3");
        await _node.Router.SendAsync(WebSocketTarget.Group("red"), WebSocketMessage.Text("not for it"), new SendOptions { ExcludedConnectionIds = [client.Id] }, Cancellation);

        _log.ReadGate.SetResult();
        await join;
        await SendAsync(WebSocketTarget.Group("red"), "4");

        await AssertReceivesAsync(client, "1", "2", "3", "4");
    }

    [Fact]
    public async Task AddToGroup_MoreComesMeanwhileThanIsKept_ReadsTheHistoryAnew()
    {
        await SendAsync(WebSocketTarget.Group("red"), "first");
        var client = await ConnectAsync();
        _log.ReadGate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var reads = _log.Reads;
        var join = Log.AddToGroupAsync(client.Id, "red", 2, Cancellation).AsTask();
        await Eventually.TrueAsync(() => _log.Reads > reads, "the history is being read");
        await SendAsync(WebSocketTarget.Group("red"), [.. Enumerable.Range(0, IHubLog.MaxLimit + 1).Select(static i => $"{i}")]);

        _log.ReadGate.SetResult();
        await join;
        await SendAsync(WebSocketTarget.Group("red"), "last");

        await AssertReceivesAsync(client, "999", "1000", "last");
    }

    [Fact]
    public async Task AddToGroup_TakenBackWhileTheHistoryIsRead_SendsNothing()
    {
        await SendAsync(WebSocketTarget.Group("red"), "1");
        var client = await ConnectAsync();
        _log.ReadGate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var reads = _log.Reads;
        var join = Log.AddToGroupAsync(client.Id, "red", 10, Cancellation).AsTask();
        await Eventually.TrueAsync(() => _log.Reads > reads, "the history is being read");

        await _node.Router.RemoveFromGroupAsync(client.Id, "red", Cancellation);
        _log.ReadGate.SetResult();
        await join;
        await SendAsync(WebSocketTarget.Group("red"), "2");

        await AssertReceivesAsync(client);
        Assert.Empty(_node.Hub.Group("red"));
    }

    [Fact]
    public async Task AddToGroup_WhoseHistoryCannotBeRead_Throws()
    {
        await SendAsync(WebSocketTarget.Group("red"), "1");
        var client = await ConnectAsync();
        _log.ReadFailure = new MessageLogUnavailableException("cut");

        await Assert.ThrowsAsync<MessageLogUnavailableException>(async () => await Log.AddToGroupAsync(client.Id, "red", 10, Cancellation));
        Assert.Empty(_node.Hub.Group("red"));
        _log.ReadFailure = null;
        await Log.AddToGroupAsync(client.Id, "red", 10, Cancellation);
        await AssertReceivesAsync(client, "1");
    }

    private static void AssertIs(LoggedMessages page, bool hasMore, params string[] texts)
    {
        Assert.Equal(texts, Texts(page));
        Assert.Equal(hasMore, page.HasMore);
        Assert.Null(page.Gap);
    }

    private static string[] Texts(LoggedMessages page) => [.. page.Messages.Select(static logged => logged.Message.GetText())];

    private static async Task AssertReceivesAsync(TestClient client, params string[] texts)
    {
        foreach (var text in texts)
        {
            Assert.Equal(text, await client.ReceiveTextAsync());
        }

        await client.SendAsync("fence");
        Assert.Equal("fence", await client.ReceiveTextAsync());
    }

    private async Task<TestClient> ConnectAsync()
    {
        var client = await _node.ConnectAsync();
        _clients.Add(client);
        return client;
    }

    private async Task SendAsync(WebSocketTarget target, params string[] texts)
    {
        foreach (var text in texts)
        {
            await _node.Router.SendAsync(target, WebSocketMessage.Text(text), default(SendOptions), Cancellation);
        }
    }
}
