using System.Text;
using static DistributedSockets.ClusterTests.RawFrame;

namespace DistributedSockets.ClusterTests;

/// <summary>Clients that fail in the middle of something: the node lets go of each in time, and serves the others meanwhile.</summary>
public sealed class ClientFaultTests(ImpatientNodes nodes) : IClassFixture<ImpatientNodes>
{
    private const int PayloadBytes = 60_000;

    private static readonly TimeSpan Drip = TimeSpan.FromMilliseconds(50);

    private readonly string _user = SharedCluster.Unique("user");
    private readonly string _group = SharedCluster.Unique("group");

    [Fact]
    public async Task ReadsOneByteASecond_UnderASteadyStream_IsClosedAndItsNeighbourMissesNothing()
    {
        await using var node = await TestNodeProcess.StartAsync(new NodeSettings
        {
            Name = "trickle",
            Options = new Dictionary<string, string> { ["CloseTimeout"] = "00:00:01", ["OutboundQueueBytes"] = "1048576" },
        });
        await using var slow = await RawClient.OpenAsync(node.Endpoint(_user, _group), receiveBuffer: 4_096);
        await using var neighbour = await node.ConnectAsync(groups: _group);
        using var gone = new CancellationTokenSource();
        var reading = ReadOneByteASecondAsync(slow, gone.Token);
        var sent = 0;

        await Guard.UntilAsync(
            async () =>
            {
                var payload = $"{sent++} {new string('x', PayloadBytes)}";
                await node.SendAsync($"group/{_group}", payload);
                await neighbour.ExpectAsync(payload); // each one before the next is sent
                return await node.MetricAsync("distributed_sockets.active_connections") == 1;
            },
            "the slow client is gone");

        await gone.CancelAsync();
        Assert.True(await reading > 0);
        Assert.True(await node.MetricAsync("distributed_sockets.dropped_frames") > 0);
        Assert.False(await node.IsOnlineAsync(_user));
        await Guard.UntilAsync(async () => await node.MetricAsync("distributed_sockets.outbound_queue.bytes") == 0, "nothing waits any more");
    }

    [Fact]
    public Task SendsPartOfAMessageAndWaits_IsClosedWith1008() => AssertAllAsync(nodes.Messages, new()
    {
        ["all but the payload"] = (Encode(Text, "Ehello"u8)[..6], "close 1008"),
        ["half of the payload"] = (Encode(Text, "Ehello"u8)[..9], "close 1008"),
        ["half of a payload of 60,000 bytes"] = (Encode(Text, new byte[PayloadBytes])[..30_000], "close 1008"),
        ["2^63-1 bytes announced"] = (Encode(Binary, [1, 2, 3], length: long.MaxValue, lengthBytes: 8), "close 1008"),
        ["the first fragment"] = (Encode(Text, "Ehello"u8, final: false), "close 1008"),
        ["an empty first fragment"] = (Encode(Text, [], final: false), "close 1008"),
        ["the first fragment and half of the second"] = ([.. Encode(Text, "Ehe"u8, final: false), .. Encode(Continuation, "llo"u8)[..8]], "close 1008"),
        ["the first fragment and a ping"] = ([.. Encode(Text, "Ehello"u8, final: false), .. Encode(Ping, "still here"u8)], "pong still here, close 1008"),
        ["a message and half of the next"] = ([.. Encode(Text, "Ehello"u8), .. Encode(Text, "Ehello"u8)[..9]], "text hello, close 1008"),
    });

    [Fact]
    public Task SendsLessThanAFrameAndWaits_IsPingedAndCut() => AssertAllAsync(nodes.Pings, new()
    {
        ["nothing"] = ([], "opcode 9, end"),
        ["one byte"] = (Encode(Text, "Ehello"u8)[..1], "opcode 9, end"),
        ["half of the mask"] = (Encode(Text, "Ehello"u8)[..4], "opcode 9, end"),
        ["half of a length of eight bytes"] = (Encode(Text, new byte[70_000])[..6], "opcode 9, end"),
        ["half of a ping"] = (Encode(Ping, "hello"u8)[..8], "opcode 9, end"),
        ["half of a pong"] = (Encode(Pong, "hello"u8)[..8], "opcode 9, end"),
        ["half of a close"] = (Encode(Close, [3, 232, .. "bye"u8])[..8], "opcode 9, end"),
        ["a message and one byte"] = ([.. Encode(Text, "Ehello"u8), 0x81], "text hello, opcode 9, end"),
    });

    [Fact]
    public async Task SendsAMessageByteByByteAndIsNeverSilent_IsClosedWith1008AllTheSame()
    {
        await using var witness = await Witness.StartAsync(nodes.Messages);
        await using var client = await RawClient.ConnectAsync(nodes.Messages.Endpoint());
        await client.SendBytesAsync(Encode(Text, new byte[PayloadBytes])[..6]);
        var closed = client.CloseCodeAsync();
        using var timer = new PeriodicTimer(Drip);

        while (!closed.IsCompleted && await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken))
        {
            await client.SendBytesAsync(new byte[1]);
        }

        Assert.Equal(1008, await closed);
        Assert.True(await witness.StopAsync() > 0);
    }

    [Fact]
    public async Task SendsHalfAHandshakeAndWaits_IsAnswered408()
    {
        const string Whole = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        await using var witness = await Witness.StartAsync(nodes.Messages);

        await Task.WhenAll(new[] { 1, 18, Whole.Length / 2, Whole.Length }.Select(async length =>
        {
            await using var client = await RawClient.DialAsync(nodes.Messages.Endpoint());
            await client.SendBytesAsync(Encoding.ASCII.GetBytes(Whole[..length]));
            await client.ReadHandshakeAsync();
            Assert.Equal(408, client.Status);
            await client.EndAsync();
        }));

        Assert.True(await witness.StopAsync() > 0);
    }

    [Fact]
    public async Task SendsHeadersOneByOneForEver_IsAnswered408()
    {
        await using var client = await RawClient.DialAsync(nodes.Messages.Endpoint());
        await client.SendBytesAsync("GET /ws HTTP/1.1\r\n"u8.ToArray());
        var answered = client.ReadHandshakeAsync();
        using var timer = new PeriodicTimer(Drip);
        try
        {
            while (!answered.IsCompleted && await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken))
            {
                await client.SendBytesAsync("X-A: a\r\n"u8.ToArray());
            }
        }
        catch (IOException)
        {
            // The connection has been closed, behind the answer.
        }

        await answered;
        Assert.Equal(408, client.Status);
    }

    [Fact]
    public async Task NeverAnswersTheClose_IsCut()
    {
        var node = nodes.Messages;
        await using var witness = await Witness.StartAsync(node);
        await using var client = await RawClient.OpenAsync(node.Endpoint(_user));

        Assert.True((await node.CommandAsync(new { op = "disconnectUser", user = _user, code = 4100, reason = "go" })).Ok);

        Assert.Equal(4100, await client.CloseCodeAsync());
        await client.EndAsync(); // without an answer
        await Guard.UntilAsync(async () => !await node.IsOnlineAsync(_user), "the user is offline");
        Assert.True(await witness.StopAsync() > 0);
    }

    [Fact]
    public async Task AnswersTheCloseWithMessagesInstead_IsCut()
    {
        var node = nodes.Messages;
        await using var client = await RawClient.OpenAsync(node.Endpoint(_user));
        var handled = await node.MetricAsync("distributed_sockets.received_messages");
        Assert.True((await node.CommandAsync(new { op = "disconnectUser", user = _user, code = 4100, reason = "go" })).Ok);
        Assert.Equal(4100, await client.CloseCodeAsync());
        var ended = client.EndAsync();
        using var timer = new PeriodicTimer(Drip);
        try
        {
            while (!ended.IsCompleted && await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken))
            {
                await client.SendTextAsync("Estill here");
            }
        }
        catch (IOException)
        {
            // It has been cut.
        }

        await ended;
        await Guard.UntilAsync(async () => !await node.IsOnlineAsync(_user), "the user is offline");
        Assert.Equal(handled, await node.MetricAsync("distributed_sockets.received_messages"));
    }

    [Fact]
    public async Task ClosesAndKeepsItsConnectionOpen_NodeEndsIt()
    {
        var node = nodes.Messages;
        await using var client = await RawClient.OpenAsync(node.Endpoint(_user));

        await client.SendFrameAsync(Close, [3, 232]);

        Assert.Equal(1000, await client.CloseCodeAsync());
        await client.EndAsync();
        await Guard.UntilAsync(async () => !await node.IsOnlineAsync(_user), "the user is offline"); // while its own end is still open
    }

    /// <summary>Opens a client for each name at once, sends what it sends, and waits for all answers.</summary>
    private static async Task AssertAllAsync(TestNodeProcess node, Dictionary<string, (byte[] Sent, string Answers)> cases)
    {
        await using var witness = await Witness.StartAsync(node);

        var answers = await Task.WhenAll(cases.Select(async one =>
        {
            await using var client = await RawClient.ConnectAsync(node.Endpoint());
            await client.SendBytesAsync(one.Value.Sent);
            return $"{one.Key}: {await client.AnswersAsync(last: "", tellsPings: true)}";
        }));

        Assert.Equal(cases.Select(static one => $"{one.Key}: {one.Value.Answers}"), answers);
        Assert.True(await witness.StopAsync() > 0);
        await Guard.UntilAsync(async () => await node.MetricAsync("distributed_sockets.active_connections") <= 1, "all have gone");
    }

    private static async Task<int> ReadOneByteASecondAsync(RawClient client, CancellationToken gone)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
        var bytes = 0;
        try
        {
            while (await client.ReadByteAsync())
            {
                bytes++;
                await timer.WaitForNextTickAsync(gone);
            }
        }
        catch (OperationCanceledException) when (gone.IsCancellationRequested)
        {
            // What is left is of no interest.
        }

        return bytes;
    }
}
