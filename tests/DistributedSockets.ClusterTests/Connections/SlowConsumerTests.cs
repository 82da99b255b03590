namespace DistributedSockets.ClusterTests;

/// <summary>Clients that stop reading.</summary>
public sealed class SlowConsumerTests(SharedCluster cluster)
{
    private const int Clients = 20;
    private const int PayloadBytes = 60_000;
    private const int QueueBytes = 1_048_576; // less than the default, so that fewer bytes prove the limit

    private readonly string _group = SharedCluster.Unique("group");

    [Fact]
    public async Task ClientsThatStopReading_MemoryStaysWithinTheQueueLimit_AreClosedAsSlowConsumers()
    {
        await using var node = await StartAsync();
        await using var reader = await cluster.Ws.NewClient().OpenAsync(node.Endpoint(groups: _group));
        var stalled = new List<RawClient>();
        for (var i = 0; i < Clients; i++)
        {
            stalled.Add(await RawClient.OpenAsync(node.Endpoint($"slow{i}"), receiveBuffer: 4_096));
        }

        try
        {
            var before = await node.CollectAsync();
            var highest = 0L;
            var sent = 0L;
            var payload = new string('x', PayloadBytes);

            // A payload of its own for each client, so that no frame is shared and the queues cost what they hold. They do not
            // read, so their close frames cannot arrive: they are cut when their time is up.
            await Guard.UntilAsync(
                async () =>
                {
                    for (var i = 0; i < Clients; i++)
                    {
                        await node.SendAsync($"user/slow{i}", payload);
                        sent += PayloadBytes;
                    }

                    highest = Math.Max(highest, await node.CollectAsync());
                    return await node.MetricAsync("distributed_sockets.active_connections") == 1;
                },
                "all slow consumers are gone");
            var grown = highest - before;
            Assert.True(
                grown < (Clients * QueueBytes) + (8 << 20),
                $"The heap grew by {grown:N0} bytes for {Clients} clients with queues of {QueueBytes:N0} bytes, after {sent:N0} bytes were sent.");
            Assert.True(sent > 2L * Clients * QueueBytes, $"Only {sent:N0} bytes were sent: too few to prove a limit.");

            // Nobody else was held up.
            await reader.AskAsync($"G{_group} hello", "hello");
        }
        finally
        {
            foreach (var client in stalled)
            {
                await client.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task ClientThatReadsAgain_SeesCloseCode1008()
    {
        await using var node = await StartAsync(closeTimeout: "00:00:30");
        await using var stalled = await RawClient.OpenAsync(node.Endpoint("slow"), receiveBuffer: 4_096);
        var payload = new string('x', PayloadBytes);
        await Guard.UntilAsync(
            async () =>
            {
                await node.SendAsync("user/slow", payload);
                return await node.MetricAsync("distributed_sockets.dropped_frames") > 0;
            },
            "the queue is full");

        Assert.Equal(1008, await stalled.CloseCodeAsync());
        stalled.Vanish();
        await Guard.UntilAsync(async () => !await node.IsOnlineAsync("slow"), "the user is offline");
    }

    [Fact]
    public async Task ClientThatSendsButDoesNotRead_IsClosedToo()
    {
        await using var node = await StartAsync();
        await using var deaf = await RawClient.OpenAsync(node.Endpoint("deaf"), receiveBuffer: 4_096);
        var echo = $"E{new string('x', PayloadBytes)}";

        await Guard.UntilAsync(
            async () =>
            {
                try
                {
                    await deaf.SendTextAsync(echo);
                }
                catch (IOException)
                {
                    // Cut off, as it should be.
                }

                return await node.MetricAsync("distributed_sockets.active_connections") == 0;
            },
            "the deaf client is gone");
        Assert.True(await node.MetricAsync("distributed_sockets.dropped_frames") > 0);
    }

    private Task<TestNodeProcess> StartAsync(string closeTimeout = "00:00:02") => TestNodeProcess.StartAsync(new NodeSettings
    {
        Name = "slow",
        Redis = cluster.Redis,
        IsPatient = true,
        Prefix = SharedCluster.Unique("slow"),
        Options = new Dictionary<string, string> { ["CloseTimeout"] = closeTimeout, ["OutboundQueueBytes"] = $"{QueueBytes}" },
    });
}
