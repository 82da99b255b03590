namespace DistributedSockets.ClusterTests;

/// <summary>Handlers that misbehave, all kinds on one node, which others go on using and which stops when it is told to.</summary>
public sealed class HandlerFaultTests(SharedCluster cluster)
{
    private static readonly string[] s_stuck = ["hang", "block", "hang", "block", "block", "block"];

    [Fact]
    public async Task Handlers_OfAllBadKinds_OthersAreServedAndTheNodeStops()
    {
        var prefix = SharedCluster.Unique("faulty");
        var nodes = await TestNodeProcess.StartAsync(
            new NodeSettings
            {
                Name = "faulty",
                Redis = cluster.Redis,
                IsPatient = true,
                Prefix = prefix,
                ShutdownTimeout = TimeSpan.FromSeconds(4),
                Options = new Dictionary<string, string>
                {
                    ["CloseTimeout"] = "00:00:00.5",
                    ["KeepAliveInterval"] = "00:00:02", // looked after twice a second
                    ["OutboundQueueBytes"] = "1000000",
                },
            },
            new NodeSettings { Name = "sound", Redis = cluster.Redis, IsPatient = true, Prefix = prefix });
        var (faulty, sound) = (nodes[0], nodes[1]);
        await using var disposeFaulty = faulty;
        await using var disposeSound = sound;
        await using var client = await faulty.ConnectAsync("client");
        await using var other = await sound.ConnectAsync("other");
        await using var swarm = new ClientSwarm();
        await swarm.ConnectAsync(faulty, s_stuck.Length + 4);
        var stuck = swarm.Clients.Take(s_stuck.Length).ToArray();
        var (thrower, leaver) = (swarm.Clients[^1], swarm.Clients[^2]);
        await using var looper = await RawClient.OpenAsync(faulty.Endpoint("looper"), receiveBuffer: 4_096);
        await Guard.UntilAsync(() => sound.SessionsAsync("node=faulty"), static found => found.Length == s_stuck.Length + 4 + 2, "all sessions are stored");

        for (var i = 0; i < stuck.Length; i++)
        {
            await stuck[i].SendAsync($"!{s_stuck[i]}");
        }

        await AreServedAsync("while others hang and block");
        await thrower.SendAsync("!throw");
        Assert.Equal(1011, (await thrower.CloseEventAsync()).Code);
        await looper.SendTextAsync("!loop"); // and reads nothing
        await Guard.UntilAsync(() => faulty.MetricAsync("distributed_sockets.dropped_frames"), static dropped => dropped > 0, "the queue of the loop is full");
        foreach (var holder in swarm.Clients.Skip(s_stuck.Length).Take(2))
        {
            await holder.AskAsync("!hold", "held 100000000");
        }

        await AreServedAsync("while others loop and hold memory");
        Assert.True((await sound.CommandAsync(new { op = "disconnect", connection = stuck[0].ConnectionId })).Ok);
        Assert.Equal(1000, (await stuck[0].CloseEventAsync()).Code);
        await leaver.SendAsync("!hang");
        await leaver.DisposeAsync(); // closes, and waits for the answer
        var gone = new[] { "user0", $"user{s_stuck.Length + 2}", $"user{s_stuck.Length + 3}", "looper" };
        foreach (var user in gone)
        {
            await Guard.UntilAsync(async () => !await sound.IsOnlineAsync(user), $"the session of {user} has ended");
        }

        Assert.True(await sound.IsOnlineAsync("user1")); // its client is still there
        Assert.True(await faulty.MetricAsync("distributed_sockets.handler_errors") >= 1 + 2); // one threw, two did not return
        await AreServedAsync("last");

        faulty.Terminate();
        foreach (var one in stuck.Skip(1).Append<TestClient>(client))
        {
            Assert.Equal(1001, (await one.CloseEventAsync()).Code);
        }

        Assert.Equal(0, await faulty.ExitAsync());
        Assert.Equal("sound", Assert.Single(await sound.NodesAsync()).Name);
        Assert.Single(await sound.SessionsAsync());
        Assert.Equal(0, await sound.MetricAsync("events.session_ended.node_lost"));
        await other.AskAsync("Efine", "fine");

        async Task AreServedAsync(string text)
        {
            await client.AskAsync($"E{text}", text);
            await client.SendAsync($"Uother {text}");
            await other.ExpectAsync(text);
        }
    }
}
