using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>What is read of the log for a session whose client was away, or is too slow.</summary>
public sealed class SessionFollowerTests : IAsyncLifetime
{
    private const string Hub = "probe";

    private readonly FakeLogServer _server = new();
    private readonly List<IAsyncDisposable> _parts = [];
    private FakeRecordLog _log = null!; // set by InitializeAsync
    private AppNode _node = null!; // set by InitializeAsync

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => (_node, _log) = await StartAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (var part in _parts)
        {
            await part.DisposeAsync();
        }
    }

    [Fact]
    public async Task Page_WithJoinsAndLeaves_HasWhatCameWithinThem()
    {
        var client = await GoneAsync();
        foreach (var group in (string[])["red", "blue"])
        {
            await SendAsync(WebSocketTarget.Group(group), $"before {group}");
            await _node.Router.AddToGroupAsync(client.Id, group, Cancellation);
            await SendAsync(WebSocketTarget.Group(group), $"within {group}");
        }

        await SendAsync(WebSocketTarget.Groups(["red", "blue"]), "both");
        await _node.Router.RemoveFromGroupAsync(client.Id, "red", Cancellation);
        await SendAsync(WebSocketTarget.Group("red"), "left red");
        await SendAsync(WebSocketTarget.Group("blue"), "still in blue");

        var again = await ConnectAsync(client);

        Assert.Equal(["1 within red", "2 within blue", "3 both", "4 still in blue"], await again.NextAsync(4));
        await AssertLiveAsync(again);
    }

    [Fact]
    public async Task Groups_MoreThanOneQueryMayName_AreAllRead()
    {
        const int Groups = 2_500;
        var client = await GoneAsync();
        for (var i = 0; i < Groups; i++)
        {
            await _node.Router.AddToGroupAsync(client.Id, $"g{i}", Cancellation);
        }

        // First it learns of its groups, so that the next reading begins with all of them.
        var joined = await ConnectAsync(client);
        await AssertLiveAsync(joined);
        await joined.VanishAsync(_node);
        var expected = new List<string>();
        foreach (var i in (int[])[0, Groups - 1, 1_500, 1_021, 1_022, 7])
        {
            await SendAsync(WebSocketTarget.Groups([$"g{i}", $"g{Groups - 1 - i}"]), $"{i}");
            await SendAsync(WebSocketTarget.Group("of others"), "not for it");
            expected.Add($"{expected.Count + 2} {i}");
        }

        var again = await ConnectAsync(joined);

        Assert.Equal(expected, await again.NextAsync(expected.Count));
        await AssertLiveAsync(again);
    }

    [Fact]
    public async Task Excluded_TakesNoNumber()
    {
        var client = await GoneAsync();
        await SendAsync(WebSocketTarget.All, "one");
        await SendAsync(WebSocketTarget.All, "not for it", new() { ExcludedConnectionIds = [client.Id] });
        await SendAsync(WebSocketTarget.All, "two");

        var again = await ConnectAsync(client);

        Assert.Equal(["1 one", "2 two"], await again.NextAsync(2));
        await AssertLiveAsync(again);
    }

    [Fact]
    public async Task Expired_UsesUpItsNumber()
    {
        var client = await GoneAsync();
        await SendAsync(WebSocketTarget.All, "one");
        _server.Age = TimeSpan.FromMinutes(10);
        await SendAsync(WebSocketTarget.All, "too late", new() { TimeToLive = TimeSpan.FromMinutes(5) });
        _server.Age = default;
        await SendAsync(WebSocketTarget.All, "three");

        var again = await ConnectAsync(client);

        Assert.Equal(["1 one", "3 three"], await again.NextAsync(2));
        await AssertLiveAsync(again);
    }

    [Fact]
    public async Task Removed_IsToldOnce_HoweverManyPagesAreRead()
    {
        const int Kept = 300;
        await using var node = await AppNode.StartAsync(options: static options =>
        {
            (options.EnableResume, options.LogUsers, options.LogMaxEntriesPerTarget) = (true, true, Kept);
            options.LoggedGroups.Add("*");
        });
        await using var client = await SessionClient.ConnectAsync(node, user: "ann");
        await node.Router.AddToGroupAsync(client.Id, "red", Cancellation);
        await client.VanishAsync(node);
        for (var i = 0; i < Kept; i++)
        {
            await node.Router.SendToUserAsync("ann", $"user {i}", Cancellation);
        }

        for (var i = 0; i < 2 * Kept; i++)
        {
            await node.Router.SendToGroupAsync("red", $"red {i}", Cancellation);
        }

        var logs = node.Services.GetRequiredService<HubLogs>();
        var end = await logs.GetEndAsync(node.Hub, Cancellation);
        await Eventually.TrueAsync(() => logs.LaneOf(node.Hub)!.Position == end, "nothing of it comes live"); // what does is not removed

        await using var again = await SessionClient.ConnectAsync(node, client, "ann");

        var expected = Enumerable.Range(0, Kept).Select(static i => $"user {i}").Concat(Enumerable.Range(Kept, Kept).Select(static i => $"red {i}"));
        Assert.Equal(["g", .. expected.Select(static (text, i) => $"{i + 1} {text}")], await again.UntilAsync($" red {(2 * Kept) - 1}"));
    }

    [Fact]
    public async Task Removed_WhatTheClientHasNotAcknowledged_EndsTheSessionSinceNumbersWouldNotFit()
    {
        var client = await ConnectAsync();
        await SendAsync(WebSocketTarget.All, "one");
        await SendAsync(WebSocketTarget.All, "two");
        Assert.Equal(["1 one", "2 two"], await client.NextAsync(2));
        await client.VanishAsync(_node);
        await SendAsync(WebSocketTarget.All, "three");
        _server.RemoveUpTo(Hub, 1);

        await AssertEndsAsync(client, "had not acknowledged");
    }

    [Fact]
    public async Task LogBegunAnew_EndsTheSessionBeforeAnythingOfTheNewOneIsSent()
    {
        var client = await ConnectAsync();
        await SendAsync(WebSocketTarget.All, "one");
        Assert.Equal("1 one", await client.NextAsync());

        _server.BeginAnew();
        await SendAsync(WebSocketTarget.All, "of the new one");

        var (_, reason) = await client.ReceiveCloseAsync();
        Assert.Contains("begun anew", reason);
        Assert.Equal(1, client.Number);
        Assert.NotEqual(client.Id, (await ConnectAsync(client)).Id);
    }

    [Fact]
    public async Task LogThatLostEntries_IsToldOfToThoseWhoDidNotHaveThem()
    {
        var (there, gone) = (await ConnectAsync(), await GoneAsync());
        await SendAsync(WebSocketTarget.All, "one");
        await SendAsync(WebSocketTarget.All, "lost");
        Assert.Equal(["1 one", "2 lost"], await there.NextAsync(2));

        _server.LoseBehind(Hub, 1);
        await SendAsync(WebSocketTarget.All, "three");
        Assert.Equal("3 three", await there.NextAsync());
        await AssertLiveAsync(there);

        await Eventually.TrueAsync(() => _server.End(Hub).Offset > 1_000_001, "the loss stands in the log"); // behind what skipped ahead
        var again = await ConnectAsync(gone);
        await SendAsync(WebSocketTarget.Connection(gone.Id), "end");
        var received = await again.UntilAsync("end");
        Assert.Single(received, static text => text == "g");
        Assert.Equal(["1 one", "2 three", "3 end"], received.Where(static text => text != "g"));
    }

    [Fact]
    public async Task LogThatLostEntries_ClientBackBeforeThatIsKnown_IsToldWhenItIs()
    {
        var (there, gone) = (await ConnectAsync(), await GoneAsync());
        await SendAsync(WebSocketTarget.All, "one");
        await SendAsync(WebSocketTarget.All, "lost");
        Assert.Equal(["1 one", "2 lost"], await there.NextAsync(2));

        var known = new TaskCompletionSource();
        _log.BeforeAppend = append => append.IdempotencyKey is null ? Task.CompletedTask : known.Task; // only the word of the loss has a key
        _server.LoseBehind(Hub, 1);
        await SendAsync(WebSocketTarget.All, "three");
        var again = await ConnectAsync(gone);
        Assert.Equal(["1 one", "2 three"], await again.NextAsync(2));
        await AssertLiveAsync(again);

        known.SetResult();

        Assert.Equal("g", await again.NextAsync());
        await AssertLiveAsync(again);
        Assert.Equal("3 three", await there.NextAsync());
        await AssertLiveAsync(there);
    }

    [Theory]
    [InlineData("future")]
    [InlineData("other epoch")]
    [InlineData("negative number")]
    [InlineData("more numbers than entries")]
    [InlineData("later version")]
    [InlineData("damaged")]
    [InlineData("empty")]
    public async Task Record_ThatCannotBe_IsFollowedByANewSession(string fault)
    {
        var client = await GoneAsync();
        var stored = _server.ReadRecord(Hub, client.Id)!; // the session has one
        Assert.True(SessionCheckpointFormat.TryRead(stored.Value, out var checkpoint));
        var (epoch, offset) = (checkpoint.Position.Epoch, checkpoint.Position.Offset);
        var value = SessionCheckpointFormat.Write(fault switch
        {
            "future" => checkpoint with { Position = new(epoch, offset + 1_000_000) },
            "other epoch" => checkpoint with { Position = new(epoch + 1, offset) },
            "negative number" => checkpoint with { Number = -1 },
            "more numbers than entries" => checkpoint with { Number = offset + 1 },
            _ => checkpoint,
        });
        switch (fault)
        {
            case "later version":
                value[0]++;
                break;
            case "damaged":
                value[^1] ^= 1;
                break;
            case "empty":
                value = [];
                break;
        }

        Assert.True(_server.SwapRecord(Hub, client.Id, stored.Version, new() { Version = 7, Value = value }).IsDone);
        if (fault == "future")
        {
            await AssertEndsAsync(client, "where the session stood");
        }
        else
        {
            Assert.NotEqual(client.Id, (await ConnectAsync(client)).Id);
        }

        var isUnreadable = fault is not ("future" or "other epoch");
        Assert.Equal(isUnreadable, _node.Logs.GetSnapshot().Any(static record => record.Id.Id == 331));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)] // so that what it has is counted
    public async Task Node_WhoseLaneIsBehindTheSession_SendsNothingTwice(bool isAcknowledged)
    {
        var client = await ConnectAsync();
        var (other, log) = await StartAsync();
        await other.Services.GetRequiredService<HubLogs>().AdmitAsync(other.Hub);
        log.HandOver = static (_, _, _) => { };
        log.OnRead = static (_, query) => query.Targets is null ? new MessageLogUnavailableException("cut") : null; // as the lane reads, and not the session
        await SendAsync(WebSocketTarget.All, "one");
        await SendAsync(WebSocketTarget.All, "two");
        Assert.Equal(["1 one", "2 two"], await client.NextAsync(2));
        if (isAcknowledged)
        {
            await client.AcknowledgeAsync();
            await Eventually.TrueAsync(() => _node.Hub.Sessions.Find(client.Id)!.Numbers.Count == 0, "the node knows what its client has"); // it has it
        }

        await client.VanishAsync(_node);

        var again = await SessionClient.ConnectAsync(other, client);
        _parts.Insert(0, again);
        Assert.Equal(client.Id, again.Id);
        await Eventually.TrueAsync(() => !other.Hub.Find(client.Id)!.Queue.IsBehind, "the session follows the lane"); // its connection is there
        Assert.Equal(0, other.Services.GetRequiredService<HubLogs>().LaneOf(other.Hub)!.Position.Offset); // it has one

        (log.OnRead, log.HandOver) = (null, log.PassOn);
        log.Receiver.OnAvailable();
        await SendAsync(WebSocketTarget.All, "three");
        Assert.Equal("3 three", await again.NextAsync());
    }

    [Fact]
    public async Task Log_AwayBetweenTwoPages_NothingIsMissingAndNothingComesTwice()
    {
        const int Messages = 600; // more than two pages
        var client = await GoneAsync();
        for (var i = 1; i <= Messages; i++)
        {
            await SendAsync(WebSocketTarget.All, $"{i}");
        }

        var first = _log.Reads + 1;
        _log.OnRead = (read, _) => read == first + 1 ? new MessageLogUnavailableException("cut") : null;
        var again = await ConnectAsync(client); // for which what may be under way is a part of the first page
        await Eventually.TrueAsync(() => _log.Reads >= first + 3, "the log has been read to its end");

        var received = new List<string>();
        while (received.Count < Messages)
        {
            received.Add(await again.NextAsync());
            await again.AcknowledgeAsync();
        }

        Assert.Equal(Enumerable.Range(1, Messages).Select(static i => $"{i} {i}"), received);
        await AssertLiveAsync(again);
    }

    [Fact]
    public async Task LogAndRecords_AwayWhileClientsAreConnected_NothingIsMissingAfterwards()
    {
        var (there, gone) = (await ConnectAsync(), await GoneAsync());
        await SendAsync(WebSocketTarget.All, "one");
        Assert.Equal("1 one", await there.NextAsync());

        _log.Failure = new MessageLogUnavailableException("cut");
        _log.Receiver.OnUnavailable(null);
        await Assert.ThrowsAsync<MessageLogUnavailableException>(() => SendAsync(WebSocketTarget.All, "refused"));
        await there.SendAsync("m x\nhello"); // a handler is called all the same
        Assert.Equal("a x", await there.NextAsync());
        await Assert.ThrowsAsync<WebSocketException>(() => ConnectAsync(gone)); // nobody gets a session meanwhile, nor loses one

        _server.Append(Hub, new() { Targets = [LogTarget.All], Payload = Envelope("by another node") });
        _log.Failure = null;
        _log.Receiver.OnAvailable();
        await SendAsync(WebSocketTarget.All, "three");

        Assert.Equal(["2 by another node", "3 three"], await there.NextAsync(2));
        var again = await ConnectAsync(gone);
        Assert.Equal(gone.Id, again.Id);
        Assert.Equal(["1 one", "2 by another node", "3 three"], await again.NextAsync(3));
        await AssertLiveAsync(again);
    }

    private static byte[] Envelope(string text)
    {
        using var frame = new EnvelopeWriter("other-node").Encode(WebSocketTargetKind.All, [], [], WebSocketMessage.Text(text), null);
        return frame.Envelope.ToArray();
    }

    private async Task<(AppNode Node, FakeRecordLog Log)> StartAsync()
    {
        var log = new FakeRecordLog(_server);
        var node = await AppNode.StartAsync(
            options: static options =>
            {
                (options.EnableResume, options.LogAll, options.LogUsers, options.MaxUnacknowledgedMessages) = (true, true, true, 10);
                options.HeartbeatInterval = TimeSpan.FromMilliseconds(100);
                options.LoggedGroups.Add("*");
            },
            build: sockets => sockets.UseMessageLog(_ => log));
        _parts.Insert(0, node);
        return (node, log);
    }

    private async Task<SessionClient> ConnectAsync(SessionClient? resumed = null)
    {
        var client = await SessionClient.ConnectAsync(_node, resumed);
        _parts.Insert(0, client);
        return client;
    }

    /// <summary>A client with a session that has gone.</summary>
    private async Task<SessionClient> GoneAsync()
    {
        var client = await ConnectAsync();
        await client.VanishAsync(_node);
        return client;
    }

    private async Task SendAsync(WebSocketTarget target, string text, SendOptions options = default) =>
        Assert.NotNull((await _node.Router.SendAsync(target, WebSocketMessage.Text(text), options, Cancellation)).Position);

    /// <summary>Nothing more comes than what is sent now.</summary>
    private async Task AssertLiveAsync(SessionClient client)
    {
        await SendAsync(WebSocketTarget.Connection(client.Id), "live");
        Assert.Equal($"{client.Number + 1} live", await client.NextAsync());
    }

    /// <summary>Its client is told that it cannot go on, and has a new one from then on.</summary>
    private async Task AssertEndsAsync(SessionClient gone, string reason)
    {
        var again = await ConnectAsync(gone);
        Assert.Equal(gone.Id, again.Id);
        Assert.Contains(reason, (await again.ReceiveCloseAsync()).Reason);
        Assert.NotEqual(gone.Id, (await ConnectAsync(again)).Id);
    }
}
