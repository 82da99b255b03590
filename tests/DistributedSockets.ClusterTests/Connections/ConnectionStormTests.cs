using System.Collections.Concurrent;
using System.Globalization;
using DistributedSockets.TestServers;
using static DistributedSockets.ClusterTests.RawFrame;

namespace DistributedSockets.ClusterTests;

/// <summary>Very many connections at once, and very many one after the other.</summary>
public sealed class ConnectionStormTests(SharedCluster cluster)
{
    private const int Storm = 2_000;
    private const int PerSecond = 200;
    private const int ChurnWorkers = 16;
    private const int DefaultChurnSeconds = 20;
    private const long LeakBytes = 4 << 20;

    private readonly string _prefix = SharedCluster.Unique("storm");

    [Fact]
    public async Task TwoThousandAtOnce_FewAreLetInPerSecond_AllGetInInTheEndAndTheConnectedAreServedMeanwhile()
    {
        await using var node = await StartAsync(new() { ["MaxHandshakesPerSecond"] = $"{PerSecond}" });
        await using var witness = await Witness.StartAsync(node);
        var dialled = await Task.WhenAll(Enumerable.Range(0, Storm).Select(_ => RawClient.DialAsync(node.Endpoint())));
        var clients = new ConcurrentBag<RawClient>(dialled);
        var refusals = 0;
        try
        {
            await Task.WhenAll(dialled.Select(GetInAsync)).Guarded("all clients are in");

            var answers = await witness.StopAsync();
            TestContext.Current.TestOutputHelper?.WriteLine($"{Storm} clients, {refusals} refusals; {answers} answers meanwhile, the slowest after {witness.Longest}.");
            Assert.True(refusals >= Storm / 10, $"Only {refusals} handshakes were refused.");
            Assert.True(answers > 10, $"Only {answers} questions were answered meanwhile.");
            Assert.Equal(Storm + 1, await node.MetricAsync("distributed_sockets.active_connections"));
            Assert.Equal(Storm + 1, (await node.SessionsAsync()).Length);
            await node.SendAsync("group/storm", "hello");
            var heard = await Task.WhenAll(clients.Where(static client => client.Status == 101).Select(static client => client.AnswersAsync("hello")));
            Assert.Equal(Enumerable.Repeat("text hello", Storm), heard);
        }
        finally
        {
            foreach (var client in clients)
            {
                await client.DisposeAsync();
            }
        }

        await Guard.UntilAsync(node.SessionsAsync, static sessions => sessions.Length == 1, "only the witness is left");

        // Tries until it is in, and obeys what it is told about when.
        async Task GetInAsync(RawClient client, int number)
        {
            var endpoint = node.Endpoint($"user{number}", "storm");
            await client.HandshakeAsync(endpoint);
            while (client.Status != 101)
            {
                Assert.Equal(503, client.Status);
                Interlocked.Increment(ref refusals);
                var retryAfter = TimeSpan.FromSeconds(int.Parse(client.Header("Retry-After"), CultureInfo.InvariantCulture));
                await client.DisposeAsync();
                await Task.Delay(retryAfter + TimeSpan.FromSeconds(Random.Shared.NextDouble()), TestContext.Current.CancellationToken);
                clients.Add(client = await RawClient.ConnectAsync(endpoint));
            }
        }
    }

    /// <remarks>The environment variable <c>CHURN_SECONDS</c> sets how long it goes on.</remarks>
    [Fact]
    public async Task ConnectAndDisconnectInEveryWay_MemorySubscriptionsAndSessionsReturnToTheirStart()
    {
        var duration = TimeSpan.FromSeconds(int.TryParse(Environment.GetEnvironmentVariable("CHURN_SECONDS"), out var seconds) ? seconds : DefaultChurnSeconds);
        await using var node = await StartAsync(new()
        {
            ["UnsubscribeDelay"] = "00:00:01",
            ["CloseTimeout"] = "00:00:01",
        });
        var channels = await ChannelsAsync() + 1; // and the node's own, which stays once it has had a connection
        await (await RawClient.OpenAsync(node.Endpoint("first", "first"))).DisposeAsync();
        await Guard.UntilAsync(node.SessionsAsync, static sessions => sessions.Length == 0, "the first session has ended");
        await Guard.UntilAsync(() => CountAsync("KEYS", $"*{_prefix}*:share:*"), static shares => shares == 0, "the node has no share in the sizes of groups");
        var keys = await KeysAsync(); // with the name of the hub, and what a hub that has had groups keeps of the node: all that stays
        await ChurnAsync(node, duration / 10); // until all that a node ever keeps is there
        await SettleAsync(node, channels, keys);
        var heap = await node.CollectAsync();

        var connected = 0;
        await using (var witness = await Witness.StartAsync(node))
        {
            connected = await ChurnAsync(node, duration);
            Assert.True(await witness.StopAsync() > 10, $"Only {witness.Answers} questions were answered meanwhile.");
            TestContext.Current.TestOutputHelper?.WriteLine($"{witness.Answers:N0} answers meanwhile, the slowest after {witness.Longest}.");
        }

        await SettleAsync(node, channels, keys);
        var grown = await node.CollectAsync() - heap;
        TestContext.Current.TestOutputHelper?.WriteLine($"{connected:N0} connections in {duration}: the heap grew by {grown:N0} bytes.");
        Assert.True(grown < LeakBytes, $"The heap grew by {grown:N0} bytes over {connected:N0} connections.");
    }

    private static async Task<int> ChurnAsync(TestNodeProcess node, TimeSpan duration)
    {
        var ends = Environment.TickCount64 + (long)duration.TotalMilliseconds;
        var connected = 0;
        await Task.WhenAll(Enumerable.Range(0, ChurnWorkers).Select(async worker =>
        {
            for (var round = worker; Environment.TickCount64 < ends; round++)
            {
                await ConnectAndGoAsync(node, round);
                Interlocked.Increment(ref connected);
            }
        }));
        return connected;
    }

    /// <summary>Connects, mostly says something, and goes in one of the ways there are.</summary>
    private static async Task ConnectAndGoAsync(TestNodeProcess node, int round)
    {
        var endpoint = node.Endpoint($"user{round % 50}", $"group{round % 7},group{round % 11}");
        switch (round % 9)
        {
            case 0:
                await using (var hasty = await RawClient.ConnectAsync(endpoint))
                {
                    hasty.Reset();
                }

                return;
            case 1:
                await using (var half = await RawClient.DialAsync(endpoint))
                {
                    await half.SendBytesAsync("GET /ws HTTP/1.1\r\nHost: local"u8.ToArray());
                }

                return;
            case 2:
                await using (var foreign = await RawClient.ConnectAsync(endpoint, [("Origin", "http://elsewhere.example")]))
                {
                    Assert.Equal(403, foreign.Status);
                }

                return;
        }

        await using var client = await RawClient.OpenAsync(endpoint);
        await client.SendTextAsync($"Ggroup{round % 7} hello");
        switch (round % 9)
        {
            case 3:
                client.Vanish();
                break;
            case 4:
                client.Reset();
                break;
            case 5:
                await client.SendBytesAsync(Encode(Text, "Ehello"u8)[..8]);
                client.Vanish();
                break;
            case 6:
                await client.SendFrameAsync(3, []);
                Assert.Equal(1002, await client.CloseCodeAsync());
                break;
            case 7:
                await client.SendTextAsync($"K{client.ConnectionId}");
                Assert.Equal(4001, await client.CloseCodeAsync());
                break;
            default:
                await client.SendFrameAsync(Close, [3, 232]);
                Assert.Equal(1000, await client.CloseCodeAsync());
                await client.EndAsync();
                break;
        }
    }

    /// <summary>Waits until nothing is left of anybody.</summary>
    private async Task SettleAsync(TestNodeProcess node, int channels, int keys)
    {
        await Guard.UntilAsync(async () => await node.MetricAsync("distributed_sockets.active_connections") == 0, "nobody is connected");
        await Guard.UntilAsync(node.SessionsAsync, static sessions => sessions.Length == 0, "all sessions have ended");
        await Guard.UntilAsync(ChannelsAsync, count => count == channels, "only the first channels are subscribed");
        await Guard.UntilAsync(KeysAsync, count => count == keys, "only the first keys are left");
        Assert.Equal(0, await node.MetricAsync("distributed_sockets.outbound_queue.bytes"));
        Assert.Equal(0, await node.MetricAsync("distributed_sockets.handler_errors"));
    }

    private Task<int> ChannelsAsync() => CountAsync("PUBSUB", "CHANNELS", $"*{_prefix}*");

    private Task<int> KeysAsync() => CountAsync("KEYS", $"*{_prefix}*");

    /// <summary>The length of the list that Redis answers with: the number behind the asterisk of its first line.</summary>
    private async Task<int> CountAsync(params string[] command)
    {
        var answer = await cluster.RedisServer.CommandAsync(command);
        Assert.StartsWith("*", answer, StringComparison.Ordinal);
        return int.Parse(answer[1..answer.IndexOf('\r', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
    }

    private Task<TestNodeProcess> StartAsync(Dictionary<string, string> options) =>
        TestNodeProcess.StartAsync(new NodeSettings { Name = "storm", Redis = cluster.Redis, IsPatient = true, Prefix = _prefix, Options = options });
}
