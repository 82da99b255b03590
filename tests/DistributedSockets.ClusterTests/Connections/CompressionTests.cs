using System.Text;
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
    public async Task TwoNodes_SendToAll_ReachesCompressingAndPlainClientsOfBoth()
    {
        var prefix = SharedCluster.Unique("prefix");
        var settings = new NodeSettings { Name = "compressing", Redis = cluster.Redis, IsPatient = true, Prefix = prefix, Compression = true };
        await using var near = await TestNodeProcess.StartAsync(settings);
        await using var far = await TestNodeProcess.StartAsync(settings with { Name = "far" });
        JsonNode[] offers = [false, new JsonObject { ["threshold"] = 0 }, new JsonObject { ["serverMaxWindowBits"] = 10, ["threshold"] = 0 }];
        var clients = new List<WsClient>();
        var raw = new List<RawClient>();
        try
        {
            foreach (var node in new[] { near, far })
            {
                foreach (var offer in offers)
                {
                    clients.Add(await cluster.Ws.NewClient().OpenAsync(node.Endpoint(), new JsonObject { ["perMessageDeflate"] = offer.DeepClone() }));
                }

                raw.Add(await RawClient.ConnectAsync(node.Endpoint(), [("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")]));
                Assert.Contains("server_no_context_takeover", raw[^1].Handshake, StringComparison.Ordinal);
                await raw[^1].SendTextAsync("Eready"); // the answer comes when it is a member
                Assert.Equal("ready", (await raw[^1].FrameAsync()).PayloadText);
            }

            Assert.Equal(["", "permessage-deflate", "permessage-deflate"], clients.Take(3).Select(static client => client.Extensions));
            var large = string.Concat(Enumerable.Range(0, 30_000).Select(static i => $"{i},"));
            var noise = new byte[2_000];
            new Random(1).NextBytes(noise);
            (object Command, ClientEvent Event, int ReservedBits)[] sends =
            [
                (new { op = "send", text = large }, new("text", large), 4),
                (new { op = "send", text = "short" }, new("text", "short"), 0),
                (new { op = "send", binary = Encoding.UTF8.GetBytes(large) }, new("binary", "", 0, Encoding.UTF8.GetBytes(large)), 4),
                (new { op = "send", binary = noise }, new("binary", "", 0, noise), 0),
                (new { op = "send", text = large[..1_000] }, new("text", large[..1_000]), 4),
            ];
            foreach (var (command, expected, reservedBits) in sends)
            {
                Assert.True((await near.CommandAsync(command)).Ok);
                foreach (var client in clients)
                {
                    var happened = await client.NextAsync();
                    Assert.Equal((expected.Kind, expected.Text), (happened.Kind, happened.Text));
                    Assert.Equal(expected.Data ?? [], happened.Data ?? []);
                }

                RawFrame[] frames = [await raw[0].FrameAsync(), await raw[1].FrameAsync()];
                Assert.Equal((true, reservedBits), (frames[0].Final, frames[0].ReservedBits));
                Assert.Equal((true, reservedBits, frames[0].Opcode), (frames[1].Final, frames[1].ReservedBits, frames[1].Opcode));
                Assert.Equal(frames[0].Payload, frames[1].Payload); // compressed once
            }

            foreach (var client in clients)
            {
                await client.SendAsync($"E{large[..50_000]}"); // compressed by those that may
                await client.ExpectAsync(large[..50_000]);
            }
        }
        finally
        {
            foreach (var client in clients)
            {
                await client.DisposeAsync();
            }

            foreach (var client in raw)
            {
                await client.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task Http2_CompressingClient_GetsWhatIsCompressedForAll()
    {
        await using var node = await TestNodeProcess.StartAsync(new NodeSettings { Name = "compressing", Compression = true, Http2 = true });
        await using var client = await DotNetClient.ConnectAsync(node.Endpoint(), static options =>
        {
            DotNetClient.UseHttp2(options);
            options.DangerousDeflateOptions = new();
        });
        var text = string.Concat(Enumerable.Repeat("compressible ", 1_000));

        await client.AskAsync($"B{text}", text);
        await client.AskAsync($"E{text}", text);
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
