using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;

namespace DistributedSockets.ClusterTests;

/// <summary>Nodes and a worker with a key of their own, on a Redis where somebody listens, records, replays and publishes.</summary>
public sealed class SealedEnvelopeTests(SharedCluster cluster) : IAsyncLifetime
{
    private static readonly CommandAnswer s_ok = new(true, null, null);

    private readonly string _prefix = SharedCluster.Unique("sealed");
    private readonly string _key = NewKey();
    private readonly ConcurrentQueue<(string Channel, byte[] Payload)> _recorded = new();
    private ConnectionMultiplexer _eavesdropper = null!; // set by InitializeAsync
    private TestNodeProcess[] _nodes = [];

    private TestNodeProcess A => _nodes[0];

    private TestNodeProcess B => _nodes[1];

    public async ValueTask InitializeAsync()
    {
        _eavesdropper = await ConnectionMultiplexer.ConnectAsync(cluster.Redis);
        await _eavesdropper.GetSubscriber().SubscribeAsync(
            RedisChannel.Pattern($"{_prefix}:v1:testnode:*"), (channel, payload) => _recorded.Enqueue((channel.ToString(), (byte[])payload!))); // a message is never null
        _nodes = await TestNodeProcess.StartAsync(Settings("a", _key), Settings("b", _key));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        await _eavesdropper.DisposeAsync();
    }

    [Fact]
    public async Task Eavesdropper_WhoRecordsAndReplays_ReadsNothingAndReachesNobody()
    {
        await using var worker = await WorkerProcess.StartAsync(Settings("worker", _key));
        await using var near = await A.ConnectAsync("alice");
        await using var far = await B.ConnectAsync("alice", "red");
        Assert.Equal(s_ok, await A.CommandAsync(new { op = "join", connection = far.ConnectionId, group = "blue" })); // a command, and its reply
        await EverythingAsync("a secret");
        await UntilRecordedAsync(9);

        var recorded = _recorded.ToArray();
        Assert.All(recorded, static message =>
        {
            Assert.True(IsSealed(message.Payload));
            foreach (var text in new[] { "secret", "alice", "red", "blue", "testnode" })
            {
                Assert.Equal(-1, message.Payload.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)));
            }
        });
        var dropped = await B.MetricAsync("distributed_sockets.backplane.dropped_envelopes");
        foreach (var (channel, payload) in recorded)
        {
            await PublishAsync(channel, payload);
        }

        await EverythingAsync("next"); // on the same channels, by the same senders: behind what was replayed
        Assert.True(await B.MetricAsync("distributed_sockets.backplane.dropped_envelopes") >= dropped + 7, "What was sent to the second node is refused there.");
        await Guard.UntilAsync(() => Task.FromResult(B.Output()), static output => output.Contains("came a second time"), "the replay is logged");
        Assert.Equal(0, await A.MetricAsync("events.possible_loss"));
        Assert.Equal(0, await B.MetricAsync("events.possible_loss"));
        Assert.Equal(0, await worker.EndAsync());

        async Task EverythingAsync(string text)
        {
            Assert.Equal(s_ok, await A.CommandAsync(new { op = "send", connections = new[] { far.ConnectionId }, text = $"{text} to a connection" }));
            await far.ExpectAsync($"{text} to a connection");
            foreach (var group in new[] { "red", "blue" })
            {
                Assert.Equal(s_ok, await A.CommandAsync(new { op = "send", groups = new[] { group }, text = $"{text} to {group}" }));
                await far.ExpectAsync($"{text} to {group}");
            }

            foreach (var sender in new Func<object, Task<CommandAnswer>>[] { A.CommandAsync, worker.CommandAsync })
            {
                Assert.Equal(s_ok, await sender(new { op = "send", users = new[] { "alice" }, text }));
                Assert.Equal(s_ok, await sender(new { op = "send", text = $"{text} to all" }));
                foreach (var client in new[] { near, far })
                {
                    await client.ExpectAsync(text);
                    await client.ExpectAsync($"{text} to all");
                }
            }
        }
    }

    [Fact]
    public async Task Stranger_OnTheSameChannels_IsNotHeardAndTheNodesGoOn()
    {
        await using var near = await A.ConnectAsync("alice");
        await using var far = await B.ConnectAsync("alice");
        await using var stranger = await TestNodeProcess.StartAsync(Settings("stranger", NewKey()));
        await using var strange = await stranger.ConnectAsync("alice");
        var all = $"{_prefix}:v1:testnode:all";

        await stranger.SendAsync("all", "from a stranger");
        await strange.ExpectAsync("from a stranger");
        await PublishAsync(all, [1, 1, 1, 0, 1, (byte)'x', .. new byte[23], 0x81, 6, .. "forged"u8]);
        await PublishAsync(all, [1, 2, .. RandomNumberGenerator.GetBytes(200)]);
        await UntilRecordedAsync(1);
        var (_, payload) = _recorded.First(static message => IsSealed(message.Payload));
        await PublishAsync(all, [.. payload[..^1], (byte)(payload[^1] ^ 1)]);
        foreach (var (target, text) in new[] { ("user/alice", "next"), ("all", "last") })
        {
            await A.SendAsync(target, text);
            foreach (var client in new[] { near, far })
            {
                await client.ExpectAsync(text);
            }
        }

        await strange.AskAsync("Eend", "end"); // and nothing before it
        foreach (var node in _nodes)
        {
            await Guard.UntilAsync(() => node.MetricAsync("distributed_sockets.backplane.dropped_envelopes"), static dropped => dropped >= 4, "foreign envelopes are counted");
            Assert.Contains(await node.EventsAsync(), static happened => happened is { Event: "possible_loss", Cause: "UnreadableEnvelope" });
        }

        // That another one seals differently degrades each node, within a lease's time; this is about whom they hear.
        await Guard.UntilAsync(stranger.HealthAsync, static health => health.Contains("none was taken in the last minute", StringComparison.Ordinal), "the stranger understands nobody");
        Assert.DoesNotContain("none was taken in the last minute", await B.HealthAsync());
        await Guard.UntilAsync(
            () => Task.FromResult(stranger.Output()), static output => output.Contains("which is not among this node's EnvelopeKeys"), "it says why");
        foreach (var output in new[] { A.Output(), B.Output(), stranger.Output() })
        {
            Assert.DoesNotContain(_key[..10], output);
        }
    }

    /// <summary>By the first two bytes, version and form.</summary>
    private static bool IsSealed(byte[] payload) => payload is [1, 2, ..];

    private static string NewKey() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    private NodeSettings Settings(string name, string key) => new()
    {
        Name = name,
        Redis = cluster.Redis,
        IsPatient = true,
        Prefix = _prefix,
        Options = new Dictionary<string, string>
        {
            ["EnvelopeKeys__0"] = key,
        },
    };

    private Task PublishAsync(string channel, byte[] payload) => _eavesdropper.GetSubscriber().PublishAsync(RedisChannel.Literal(channel), payload);

    private Task UntilRecordedAsync(int count) => Guard.UntilAsync(() => Task.FromResult(_recorded.Count >= count), $"{count} envelopes are recorded");
}
