using System.Text.Json.Nodes;

namespace DistributedSockets.ClusterTests;

/// <summary>permessage-deflate, where it is switched on.</summary>
public sealed class CompressionTests(SharedCluster cluster)
{
    private readonly string _group = SharedCluster.Unique("group");

    [Fact]
    public async Task Enabled_CompressedMessagesFromEitherClient_ArriveAtAll()
    {
        await using var node = await StartAsync();
        var compressing = new JsonObject { ["perMessageDeflate"] = new JsonObject { ["threshold"] = 0 } };
        await using var ws = await cluster.Ws.NewClient().OpenAsync(node.Endpoint(groups: _group), compressing);
        await using var plain = await cluster.Ws.NewClient().OpenAsync(node.Endpoint(groups: _group), new JsonObject { ["perMessageDeflate"] = false });
        await using var dotNet = await DotNetClient.ConnectAsync(node.Endpoint(groups: _group), static options => options.DangerousDeflateOptions = new());

        Assert.Contains("permessage-deflate", ws.Extensions, StringComparison.Ordinal);
        Assert.Equal("", plain.Extensions);
        var text = string.Concat(Enumerable.Repeat("compressible ", 1_000));
        TestClient[] clients = [ws, plain, dotNet];
        foreach (var sender in clients)
        {
            await sender.SendAsync($"G{_group} {text}");
            await sender.SendAsync($"G{_group} ");
            foreach (var receiver in clients)
            {
                await receiver.ExpectAsync(text);
                await receiver.ExpectAsync("");
            }
        }

        await ws.SendAsync(["E", text, text]);
        await ws.ExpectAsync(text + text);
        await ws.PingAsync("ping");
        Assert.Equal(new ClientEvent("pong", "ping"), await ws.NextAsync());
        await ws.CloseAsync(1000, "done");
        Assert.Equal(1000, (await ws.CloseEventAsync()).Code);
    }

    [Fact]
    public async Task Enabled_MessageThatInflatesOverTheLimit_IsClosedWith1009()
    {
        await using var node = await StartAsync();
        var compressing = new JsonObject { ["perMessageDeflate"] = new JsonObject { ["threshold"] = 0 } };
        await using var ws = await cluster.Ws.NewClient().OpenAsync(node.Endpoint(), compressing);

        await ws.SendAsync($"E{new string('x', 65_536)}"); // some hundred bytes on the wire

        Assert.Equal(1009, (await ws.CloseEventAsync()).Code);
    }

    [Fact]
    public async Task Disabled_Offered_IsNotNegotiated()
    {
        await using var ws = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint(), new JsonObject { ["perMessageDeflate"] = true });

        Assert.Equal("", ws.Extensions);
        await ws.AskAsync("Ehello", "hello");
    }

    private static Task<TestNodeProcess> StartAsync() => TestNodeProcess.StartAsync(new NodeSettings { Name = "compressing", Compression = true });
}
