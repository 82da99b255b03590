namespace DistributedSockets.ClusterTests;

/// <summary>Pings, both ways.</summary>
[Collection(SharedGroup.Name)]
public sealed class KeepAliveTests(SharedCluster cluster)
{
    private readonly string _user = SharedCluster.Unique("user");

    [Fact]
    public async Task PingFromClient_IsAnsweredWithItsPayload()
    {
        await using var client = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint());

        await client.PingAsync("are you there");
        await client.PingAsync("");

        Assert.Equal(new ClientEvent("pong", "are you there"), await client.NextAsync());
        Assert.Equal(new ClientEvent("pong"), await client.NextAsync());
    }

    [Fact]
    public async Task PingsAmongMessages_AllAreAnsweredAndNoFrameIsTorn()
    {
        await using var client = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint(_user));
        await using var sender = await cluster.B.ConnectAsync();
        const int Rounds = 300;
        var sending = Task.Run(
            async () =>
            {
                for (var i = 0; i < Rounds; i++)
                {
                    await sender.SendAsync($"U{_user} {i} {new string('x', i * 10)}");
                }
            },
            TestContext.Current.CancellationToken);
        for (var i = 0; i < Rounds; i++)
        {
            await client.PingAsync($"{i}");
        }

        await sending;
        var (texts, pongs) = (0, 0);
        while (texts < Rounds || pongs < Rounds)
        {
            var next = await client.NextAsync();
            Assert.Equal(next.Kind == "text" ? $"{texts} {new string('x', texts++ * 10)}" : $"{pongs++}", next.Text);
        }
    }

    [Fact]
    public async Task SilentClient_AnswersPings_StaysConnected()
    {
        await using var node = await StartAsync(timeout: "00:01:00");
        await using var client = await cluster.Ws.NewClient().OpenAsync(node.Endpoint(_user));

        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("ping", (await client.NextAsync()).Kind);
        }

        await client.SendAsync("Estill here");
        Assert.Equal("still here", (await client.SkipToAsync(static next => next.Kind == "text")).Text);
    }

    [Fact]
    public async Task DeadClient_AnswersNoPing_IsCut()
    {
        await using var node = await StartAsync(timeout: "00:00:01");
        await using var client = await RawClient.OpenAsync(node.Endpoint(_user));

        Assert.Equal(RawFrame.Ping, (await client.FrameAsync()).Opcode);

        await client.EndAsync();
        await Guard.UntilAsync(async () => !await node.IsOnlineAsync(_user), "the user is offline");
    }

    private static Task<TestNodeProcess> StartAsync(string timeout) => TestNodeProcess.StartAsync(new NodeSettings
    {
        Name = "keepalive",
        Options = new Dictionary<string, string> { ["KeepAliveInterval"] = "00:00:01", ["KeepAliveTimeout"] = timeout },
    });
}
