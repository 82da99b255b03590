using System.Net.WebSockets;

namespace DistributedSockets.ClusterTests;

/// <summary>WebSockets over HTTP/2 (RFC 8441) on one node, over HTTP/1.1 on the other.</summary>
[Collection(SharedGroup.Name)]
public sealed class Http2Tests(SharedCluster cluster)
{
    private readonly string _user = SharedCluster.Unique("user");
    private readonly string _group = SharedCluster.Unique("group");

    [Fact]
    public async Task Http2Node_EveryTarget_WorksAcrossBoth()
    {
        await using var node = await StartAsync();
        await using var near = await node.ConnectAsync(_user, _group);
        await using var near2 = await node.ConnectAsync(_user, _group);
        await using var far = await cluster.A.ConnectAsync(_user, _group);

        foreach (var sender in new[] { near, far })
        {
            await sender.SendAsync($"U{_user} user");
            await sender.SendAsync($"G{_group} group");
            await sender.SendAsync("Ball");
            foreach (var receiver in new[] { near, near2, far })
            {
                string[] received = [await receiver.TextAsync(), await receiver.TextAsync(), await receiver.TextAsync()];
                Assert.Equal(["all", "group", "user"], received.Order());
            }

            await sender.SendAsync($"C{near2.ConnectionId} one");
            await near2.ExpectAsync("one");
        }

        await near.AskAsync($"L{_group}", $"ok L{_group}");
        await far.SendAsync($"K{near2.ConnectionId}");
        Assert.Equal(4001, (await near2.CloseEventAsync()).Code);
        await near.CloseAsync((WebSocketCloseStatus)4002, "bye");
        Assert.Equal(4002, (await near.CloseEventAsync()).Code);
        await Guard.UntilAsync(async () => (await cluster.A.SessionsAsync($"user={_user}")).Length == 1, "only the far one is left");
    }

    [Fact]
    public async Task Http2Node_FragmentsAndLimits_AreAsOverHttp11()
    {
        await using var node = await StartAsync();
        await using var client = await node.ConnectAsync();
        await client.SendAsync("Efrag"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: false);
        await client.SendAsync("ments"u8.ToArray(), WebSocketMessageType.Text);
        await client.ExpectAsync("fragments");
        var longest = new string('x', 65_535);
        await client.AskAsync($"E{longest}", longest);

        await client.SendAsync($"E{longest}y");

        Assert.Equal(1009, (await client.CloseEventAsync()).Code);
    }

    [Fact]
    public async Task Http2Node_ClientAborts_SessionEnds()
    {
        await using var node = await StartAsync();
        await using var client = await node.ConnectAsync(_user);
        await Guard.UntilAsync(() => cluster.A.IsOnlineAsync(_user), "the user is online");

        client.Abort();

        await Guard.UntilAsync(async () => !await cluster.A.IsOnlineAsync(_user), "the user is offline");
    }

    [Fact]
    public async Task Http2Node_ManySocketsOnOneConnection_OneAfterTheOtherAndSideBySide_DoNotDisturbEachOther()
    {
        await using var node = await StartAsync();
        using var http = new HttpMessageInvoker(new SocketsHttpHandler { EnableMultipleHttp2Connections = false });
        await using var witness = await ConnectAsync();
        for (var round = 0; round < 30; round++)
        {
            // Kestrel uses the objects of an ended stream again for the next one.
            var client = await ConnectAsync();
            await client.AskAsync($"E{round}", $"{round}");
            switch (round % 3)
            {
                case 0:
                    client.Abort();
                    break;
                case 1:
                    await witness.SendAsync($"K{client.ConnectionId}");
                    Assert.Equal(4001, (await client.CloseEventAsync()).Code);
                    break;
            }

            await client.DisposeAsync();
            await witness.AskAsync($"E{round}", $"{round}");
        }

        var clients = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => ConnectAsync()));
        clients[0].Abort();
        await witness.SendAsync($"G{_group} hello");
        foreach (var client in clients.Skip(1).Prepend(witness))
        {
            await client.ExpectAsync("hello");
        }

        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }

        await Guard.UntilAsync(async () => await node.MetricAsync("distributed_sockets.active_connections") == 1, "only the witness is left");

        Task<DotNetClient> ConnectAsync() => DotNetClient.ConnectAsync(node.Endpoint(groups: _group), DotNetClient.UseHttp2, http);
    }

    [Fact]
    public async Task Http2Node_ClientStopsReading_IsCutAndItsNeighbourOnTheSameConnectionGoesOn()
    {
        await using var node = await StartAsync();
        using var http = new HttpMessageInvoker(new SocketsHttpHandler { EnableMultipleHttp2Connections = false });
        await using var neighbour = await DotNetClient.ConnectAsync(node.Endpoint(), DotNetClient.UseHttp2, http);
        using var deaf = new ClientWebSocket();
        DotNetClient.UseHttp2(deaf.Options);
        await deaf.ConnectAsync(node.Endpoint(_user), http, TestContext.Current.CancellationToken).Guarded("a handshake");
        var payload = new string('x', 60_000);

        await Guard.UntilAsync(
            async () =>
            {
                await node.SendAsync($"user/{_user}", payload);
                return await node.MetricAsync("distributed_sockets.active_connections") == 1;
            },
            "the deaf client is cut");

        Assert.True(await node.MetricAsync("distributed_sockets.dropped_frames") > 0);
        await neighbour.AskAsync("Ehello", "hello");
    }

    [Fact]
    public async Task Http2Node_PlainRequest_IsAnswered400WithExplanation()
    {
        await using var node = await StartAsync();

        using var response = await node.Http.GetAsync("/ws", TestContext.Current.CancellationToken);

        Assert.Equal(System.Net.HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("WebSocket", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Http2Node_Terminate_ClosesWith1001()
    {
        await using var node = await StartAsync();
        await using var client = await node.ConnectAsync(_user);

        node.Terminate();

        Assert.Equal(1001, (await client.CloseEventAsync()).Code);
        Assert.Equal(0, await node.ExitAsync());
        Assert.False(await cluster.A.IsOnlineAsync(_user));
    }

    private Task<TestNodeProcess> StartAsync() =>
        TestNodeProcess.StartAsync(new NodeSettings { Name = "http2", Redis = cluster.Redis, IsPatient = true, Http2 = true });
}
