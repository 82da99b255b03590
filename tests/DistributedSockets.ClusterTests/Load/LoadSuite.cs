namespace DistributedSockets.ClusterTests;

/// <summary>Exactly once at exactly the targets, in order, under load from both nodes.</summary>
public abstract class LoadSuite(NodePair cluster)
{
    [Fact]
    public async Task TenThousandMixedSends_FiveHundredConnectionsOnEachOfTwoNodes_EachArrivesExactlyOnceAtItsTargets()
    {
        var plan = new LoadPlan(clientsPerNode: 500);
        TestNodeProcess[] nodes = [cluster.A, cluster.B];
        var before = await Task.WhenAll(nodes.Select(LostAsync));
        var swarm = await WsSwarm.ConnectAsync(
            cluster.Ws, plan.Clients.Select(client => nodes[client.Node].Endpoint(client.User, string.Join(',', client.Groups))));
        var sends = plan.Sends(swarm.ConnectionIds, count: 10_000, seed: 20_260_101);
        var fences = plan.Fences(swarm.ConnectionIds);
        var expected = sends.Sum(static send => send.Receivers.Length);

        await swarm.RunAsync(sends.Select(static send => (send.Sender, send.Text)), expected);

        // What came twice, came before the fence of its target; then nothing is missing and nothing too much.
        await swarm.RunAsync(fences.Select(static send => (send.Sender, send.Text)), expected + fences.Sum(static send => send.Receivers.Length));
        var received = await swarm.ReceivedAsync();
        await swarm.DisposeAsync();
        Delivery.AssertExactlyOnce(sends.Concat(fences), received);
        Delivery.AssertInOrder(sends, received);

        // Nothing is left of them.
        foreach (var node in nodes)
        {
            await Guard.UntilAsync(async () => await node.MetricAsync("distributed_sockets.active_connections") == 0, "all connections have ended");
            await Guard.UntilAsync(node.SessionsAsync, static sessions => sessions.Length == 0, "all sessions have ended");
            Assert.Equal(0, await node.MetricAsync("distributed_sockets.outbound_queue.bytes"));
        }

        Assert.Equal(before, await Task.WhenAll(nodes.Select(LostAsync)));

        static async Task<(double Frames, double Envelopes, double Reports)> LostAsync(TestNodeProcess node)
        {
            var metrics = await node.MetricsAsync();
            return (
                metrics["distributed_sockets.dropped_frames"],
                metrics["distributed_sockets.backplane.dropped_envelopes"],
                metrics["events.possible_loss"]);
        }
    }

    [Fact]
    public async Task SendsOverHttpToBothNodesAtOnce_EachArrivesExactlyOnceAndInOrderPerSender()
    {
        const int Senders = 4;
        const int Count = 250;
        var group = SharedCluster.Unique("group");
        await using var near = await cluster.A.ConnectAsync(groups: group);
        await using var far = await cluster.B.ConnectAsync(groups: group);

        await Task.WhenAll(Enumerable.Range(0, Senders).Select(async sender =>
        {
            var node = sender % 2 == 0 ? cluster.A : cluster.B;
            for (var i = 0; i < Count; i++)
            {
                Assert.Equal(System.Net.HttpStatusCode.Accepted, await node.SendAsync($"group/{group}", $"{sender} {i}"));
            }
        }));
        foreach (var client in new[] { near, far })
        {
            var next = new int[Senders];
            for (var i = 0; i < Senders * Count; i++)
            {
                var parts = (await client.TextAsync()).Split(' ');
                Assert.Equal(next[int.Parse(parts[0], null)]++, int.Parse(parts[1], null));
            }
        }

        await near.SendAsync($"G{group} fence");
        await near.ExpectAsync("fence");
        await far.ExpectAsync("fence");
        await far.SendAsync($"G{group} fence");
        await near.ExpectAsync("fence");
        await far.ExpectAsync("fence");
    }

    [Fact]
    public async Task ThousandConcurrentSendsToOneConnection_FramesAreIntactAndInOrderPerSender()
    {
        const int Senders = 10;
        const int Count = 100;
        await using var receiver = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint());
        var senders = await Task.WhenAll(Enumerable.Range(0, Senders).Select(sender => (sender % 2 == 0 ? cluster.A : cluster.B).ConnectAsync()));

        // ws refuses a torn frame by closing; the payload tells of a frame that was mixed up.
        await Task.WhenAll(senders.Select(async (client, sender) =>
        {
            for (var i = 0; i < Count; i++)
            {
                await client.SendAsync($"C{receiver.ConnectionId} {Payload(sender, i)}");
            }
        }));
        var next = new int[Senders];
        for (var i = 0; i < Senders * Count; i++)
        {
            var text = await receiver.TextAsync();
            var sender = int.Parse(text.Split(' ')[0], null);
            Assert.Equal(Payload(sender, next[sender]++), text);
        }

        foreach (var client in senders)
        {
            await client.DisposeAsync();
        }

        await receiver.AskAsync("Efence", "fence");
    }

    [Fact]
    public async Task ThousandConcurrentHttpSendsToOneConnection_AllArriveOnce()
    {
        const int Count = 1_000;
        await using var receiver = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint());

        var answers = await Task.WhenAll(Enumerable.Range(0, Count)
            .Select(i => (i % 2 == 0 ? cluster.A : cluster.B).SendAsync($"connection/{receiver.ConnectionId}", Payload(0, i))));

        Assert.All(answers, static status => Assert.Equal(System.Net.HttpStatusCode.Accepted, status));
        var received = new List<string>();
        for (var i = 0; i < Count; i++)
        {
            received.Add(await receiver.TextAsync());
        }

        Assert.Equal(Enumerable.Range(0, Count).Select(static i => Payload(0, i)).Order(StringComparer.Ordinal), received.Order(StringComparer.Ordinal));
        await receiver.AskAsync("Efence", "fence");
    }

    /// <summary>Of many lengths, and all together within the outbound queue of one connection.</summary>
    private static string Payload(int sender, int number) => $"{sender} {number} {new string((char)('a' + sender), number % 100 * 7)}";
}
