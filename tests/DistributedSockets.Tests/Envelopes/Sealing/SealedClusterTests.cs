using System.Diagnostics.Metrics;
using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>Nodes that seal their envelopes, and what they do with those of others.</summary>
public sealed class SealedClusterTests
{
    private readonly InMemoryCluster _cluster = new();
    private readonly LossObserver _losses = new();
    private readonly FakeTimeProvider _time = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Nodes_WithTheSameKey_DoEverythingAndShowNothing()
    {
        var key = TestKeys.Create();
        var (here, backplane) = await StartAsync(key);
        await using var _ = here;
        var (there, others) = await StartAsync(key);
        await using var __ = there;
        await using var near = await here.ConnectAsync("alice");
        await using var far = await there.ConnectAsync("alice");
        TestClient[] clients = [near, far];
        (backplane.Records, others.Records) = (true, true);

        await here.Router.SendToAllAsync("a secret to all", Cancellation);
        await here.Router.SendToUserAsync("alice", "a secret to a user", Cancellation);
        await here.Router.SendAsync(WebSocketTarget.Connections([near.Id, far.Id]), "a secret to connections", Cancellation);
        await here.Router.AddToGroupAsync(near.Id, "red", Cancellation);
        await here.Router.AddToGroupAsync(far.Id, "red", Cancellation); // a command, and its reply
        await here.Router.AddToGroupAsync(far.Id, "reddish", Cancellation);
        await here.Router.SendAsync(WebSocketTarget.Groups(["red", "reddish"]), "a secret to groups", Cancellation);
        foreach (var client in clients)
        {
            foreach (var target in new[] { "all", "a user", "connections", "groups" })
            {
                Assert.Equal($"a secret to {target}", await client.ReceiveTextAsync());
            }
        }

        await here.Router.DisconnectAsync(far.Id, (WebSocketCloseStatus)4_001, "a secret reason", Cancellation);
        Assert.Equal(((WebSocketCloseStatus)4_001, "a secret reason"), await far.ReceiveCloseAsync());
        Assert.True(backplane.Published.Count > 6 && !others.Published.IsEmpty, "Commands and replies are published as well.");
        Assert.All([.. backplane.Published, .. others.Published], static published =>
        {
            Assert.Equal((byte)EnvelopeForm.Sealed, published.Payload[EnvelopeWriter.FormAt]);
            Assert.Equal(-1, published.Payload.AsSpan().IndexOf("secret"u8));
            Assert.Equal(-1, published.Payload.AsSpan().IndexOf("red"u8));
        });
        Assert.Empty(_losses.Seen);
    }

    [Fact]
    public async Task Worker_WithTheKey_IsHeardAndOneWithoutIsNot()
    {
        var key = TestKeys.Create();
        var (node, _) = await StartAsync(key);
        await using var __ = node;
        await using var client = await node.ConnectAsync("alice");
        foreach (var (text, keys) in new[] { ("from a stranger", Array.Empty<string>()), ("from the worker", [key]) })
        {
            var builder = Host.CreateEmptyApplicationBuilder(new());
            builder.Services.AddSingleton<TimeProvider>(_time);
            builder.Services.AddDistributedWebSockets(options => Add(options, keys)).UseInMemory(_cluster);
            using var worker = builder.Build();
            await worker.StartAsync(Cancellation);
            await worker.Services.GetRequiredService<IWebSocketRouterFactory>().GetRouter("probe").SendToUserAsync("alice", text, Cancellation);
            await worker.StopAsync(Cancellation);
        }

        Assert.Equal("from the worker", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task Keys_RotatedInThreeSteps_LoseNothing()
    {
        var (old, @new) = (TestKeys.Create(), TestKeys.Create());
        string[][] steps = [[old], [old, @new], [@new, old], [@new]];

        // One node after the other is restarted with the next step.
        for (var step = 0; step < steps.Length; step++)
        {
            foreach (var next in new[] { step, Math.Min(step + 1, steps.Length - 1) })
            {
                var (first, _) = await StartAsync(steps[next]);
                await using var __ = first;
                var (second, _) = await StartAsync(steps[step]);
                await using var ___ = second;
                await using var one = await first.ConnectAsync("one");
                await using var two = await second.ConnectAsync("two");

                await first.Router.SendToUserAsync("two", "there", Cancellation);
                await second.Router.SendToUserAsync("one", "back", Cancellation);
                await first.Router.AddToGroupAsync(two.Id, "g", Cancellation);

                Assert.Equal("there", await two.ReceiveTextAsync().WithinGuardAsync());
                Assert.Equal("back", await one.ReceiveTextAsync().WithinGuardAsync());
            }
        }

        Assert.Empty(_losses.Seen);
    }

    [Theory]
    [InlineData("not_sealed", "EnvelopeKeys")]
    [InlineData("no_keys", "EnvelopeKeys")]
    [InlineData("unknown_key", "EnvelopeKeys")]
    [InlineData("not_authentic", "made it up")]
    [InlineData("unreadable", "could not be read")]
    [InlineData("stale", "-3600000 ms from now")]
    [InlineData("stale for ever", "clocks")]
    [InlineData("late", "far behind")]
    [InlineData("too_large", "MaxEnvelopeBytes")]
    public async Task Envelope_Refused_IsCountedReportedAndTheNextIsTaken(string reason, string hint)
    {
        var key = TestKeys.Create();
        var (node, backplane) = await StartAsync(reason == "no_keys" ? [] : [key]);
        await using var _ = node;
        await using var client = await node.ConnectAsync();
        using var dropped = Dropped(node);
        var channel = node.Hub.AllChannel;
        var sealer = TestKeys.Sealer(key, _time);
        var late = sealer.Seal(channel, Plain("late"), out var length)[..length];
        byte[] refused = reason switch
        {
            "not_sealed" => Plain("bad"),
            "no_keys" => Seal(sealer, channel, "bad"),
            "unknown_key" => Seal(TestKeys.Sealer(TestKeys.Create(), _time), channel, "bad"),
            "not_authentic" => Seal(sealer, node.Hub.UserChannel("alice"), "bad"),
            "unreadable" => [9, 9, 9],
            "stale" => Seal(TestKeys.Sealer(key, new FakeTimeProvider(_time.GetUtcNow().AddHours(-1))), channel, "bad"),
            "stale for ever" => TestKeys.Seal(key, 1, long.MinValue, channel, Plain("bad")),
            "too_large" => new byte[16_777_217],
            _ => late,
        };
        if (reason == "late")
        {
            _time.Advance(TimeSpan.FromHours(1));
            backplane.Receiver.OnReceived(channel, Seal(sealer, channel, "hello"));
            Assert.Equal("hello", await client.ReceiveTextAsync());
        }

        backplane.Receiver.OnReceived(channel, refused);
        backplane.Receiver.OnReceived(channel, reason == "no_keys" ? Plain("next") : Seal(sealer, channel, "next"));

        Assert.Equal("next", await client.ReceiveTextAsync());
        Assert.Equal(reason.Split(' ')[0], Assert.Single(dropped.GetMeasurementSnapshot()).Tags["distributed_sockets.drop_reason"]);
        await Eventually.TrueAsync(() => !_losses.Seen.IsEmpty, "the loss is reported");
        var loss = Assert.Single(_losses.Seen);
        Assert.Equal(PossibleLossCause.UnreadableEnvelope, loss.Cause);
        Assert.Contains(hint, loss.Description);
    }

    [Fact]
    public async Task Envelopes_Replayed_ReachNobodyAreCountedAndLoggedOnceInAWhile()
    {
        var key = TestKeys.Create();
        var (node, backplane) = await StartAsync(key);
        await using var _ = node;
        await using var client = await node.ConnectAsync();
        using var dropped = Dropped(node);
        var sealer = TestKeys.Sealer(key, _time);
        var recorded = Seal(sealer, node.Hub.AllChannel, "once");

        Play(3);
        Assert.Equal("once", await client.ReceiveTextAsync());
        Assert.Equal(["1 envelopes"], Logged());
        _time.Advance(TimeSpan.FromSeconds(59));
        Play(1);
        Assert.Equal(["1 envelopes"], Logged());
        _time.Advance(TimeSpan.FromSeconds(1));
        Play(2);
        Assert.Equal(["1 envelopes", "3 envelopes"], Logged());

        backplane.Receiver.OnReceived(node.Hub.AllChannel, Seal(sealer, node.Hub.AllChannel, "next"));
        Assert.Equal("next", await client.ReceiveTextAsync());
        Assert.Equal(5, dropped.GetMeasurementSnapshot().Count(static drop => (string?)drop.Tags["distributed_sockets.drop_reason"] == "replayed"));
        Assert.Empty(_losses.Seen);

        void Play(int times)
        {
            for (var i = 0; i < times; i++)
            {
                backplane.Receiver.OnReceived(node.Hub.AllChannel, recorded);
            }
        }

        IEnumerable<string> Logged() => node.Logs.GetSnapshot().Where(static entry => entry.Id.Id == 163).Select(static entry => entry.Message[..11]);
    }

    [Fact]
    public async Task Node_WithOtherKeys_IsDegradedWhileItUnderstandsNobody()
    {
        var (ours, theirs) = (TestKeys.Create(), TestKeys.Create());
        var (node, backplane) = await StartAsync(ours);
        await using var _ = node;
        var (plain, plainBackplane) = await StartAsync([], static _ => { }, "plain"); // of which the other does not know
        await using var __ = plain;
        var friend = TestKeys.Sealer(ours, _time);
        var stranger = TestKeys.Sealer(theirs, _time);
        Assert.Equal(HealthStatus.Healthy, (await HealthAsync(node)).Status);

        Receive(stranger);
        var health = await HealthAsync(node);
        Assert.Equal(HealthStatus.Degraded, health.Status);
        Assert.Contains("EnvelopeKeys", health.Entries.Single().Value.Description);
        Receive(friend);
        Assert.Equal(HealthStatus.Healthy, (await HealthAsync(node)).Status);
        Receive(stranger);
        Assert.Equal(HealthStatus.Healthy, (await HealthAsync(node)).Status); // somebody else's on the same channels
        _time.Advance(TimeSpan.FromSeconds(61));
        Receive(stranger);
        Assert.Equal(HealthStatus.Degraded, (await HealthAsync(node)).Status);
        _time.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(HealthStatus.Healthy, (await HealthAsync(node)).Status);

        plainBackplane.Receiver.OnReceived(plain.Hub.AllChannel, Seal(friend, plain.Hub.AllChannel, "x"));
        Assert.Equal(HealthStatus.Degraded, (await HealthAsync(plain)).Status);

        void Receive(EnvelopeSealer from) => backplane.Receiver.OnReceived(node.Hub.AllChannel, Seal(from, node.Hub.AllChannel, "x"));
    }

    [Fact]
    public async Task Size_OfSealedEnvelopes_StaysWithinTheLimit()
    {
        const int Limit = 65_536;
        var (node, backplane) = await StartAsync([TestKeys.Create()], options => options.MaxEnvelopeBytes = Limit);
        await using var _ = node;
        backplane.Records = true;
        var origin = node.Services.GetRequiredService<NodeInfo>().NodeId;
        var largest = Limit - SealedEnvelope.OverheadBytes - 5 - origin.Length - 23 - 4;

        await node.Router.SendToAllAsync(new byte[largest], Cancellation);
        await Assert.ThrowsAsync<ArgumentException>(async () => await node.Router.SendToAllAsync(new byte[largest + 1], Cancellation));

        Assert.Equal(Limit, Assert.Single(backplane.Published).Payload.Length);
    }

    [Fact]
    public async Task Node_AtItsStart_LogsWhichKeySealsAndNoKeyEver()
    {
        string[] keys = [TestKeys.Create(), TestKeys.Create()];
        var (node, backplane) = await StartAsync(keys);
        await using var _ = node;
        await using var client = await node.ConnectAsync();
        backplane.Receiver.OnReceived(node.Hub.AllChannel, Plain("bad"));
        backplane.Receiver.OnReceived(node.Hub.AllChannel, Seal(TestKeys.Sealer(keys[0], _time), node.Hub.UserChannel("u"), "bad"));
        backplane.Failure = new IOException("cut");
        var failure = await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await node.Router.SendToAllAsync("x", Cancellation));
        await Eventually.TrueAsync(() => !_losses.Seen.IsEmpty, "the loss is reported");

        var started = Assert.Single(node.Logs.GetSnapshot(), static entry => entry.Id.Id == 206);
        Assert.Contains($"{TestKeys.Ring(keys).Sealing!.Id:x8}, and opens those of 2 keys", started.Message); // there are keys
        var ring = node.Services.GetRequiredService<EnvelopeKeyRing>();
        AssertNoKey(
            keys,
            [
                .. node.Logs.GetSnapshot().Select(static entry => $"{entry.Message} {entry.Exception} {string.Join(' ', entry.StructuredState ?? [])}"),
                .. _losses.Seen.Select(static loss => loss.ToString()),
                $"{failure} {ring} {ring.Sealing} {node.Services.GetRequiredService<EnvelopeSealer>()} {node.Services.GetRequiredService<EnvelopeOpener>()}",
                $"{node.Services.GetRequiredService<IOptions<DistributedWebSocketsOptions>>().Value}",
            ]);
    }

    [Fact]
    public async Task Keys_Wrong_StopTheStartWithAReasonThatDoesNotNameThem()
    {
        var (good, other) = (TestKeys.Create(), TestKeys.Create());
        var shorter = Convert.ToBase64String(Convert.FromBase64String(other)[1..]);
        (string?[] Keys, string Hint)[] wrong =
        [
            ([good, shorter], "EnvelopeKeys[1] is not the base64 of 32 bytes"),
            ([Convert.ToBase64String([.. Convert.FromBase64String(other), 1])], "EnvelopeKeys[0] is not the base64 of 32 bytes"),
            ([other[..^1]], "EnvelopeKeys[0] is not"),
            ([other.Replace('=', '*')], "EnvelopeKeys[0] is not"),
            ([""], "EnvelopeKeys[0] is not"),
            ([null], "EnvelopeKeys[0] is not"),
            ([good, other, good], "EnvelopeKeys[2] stands in the list twice"),
            ([good, $" {good}"], "EnvelopeKeys[1] stands in the list twice"),
            ([.. Enumerable.Range(0, 17).Select(static _ => TestKeys.Create())], "17 keys"),
        ];
        foreach (var (keys, hint) in wrong)
        {
            var builder = Host.CreateEmptyApplicationBuilder(new());
            builder.Services.AddDistributedWebSockets(options => Add(options, keys!)); // null is one of the faults under test
            using var host = builder.Build();
            var exception = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Cancellation));

            Assert.Contains(hint, Assert.Single(exception.Failures));
            AssertNoKey([good, other, shorter, .. keys.OfType<string>().Where(static key => key.Length > 0)], [exception.ToString()]);
        }
    }

    [Fact]
    public async Task Keys_AsManyAsMayBe_AreTaken()
    {
        string[] keys = [.. Enumerable.Range(0, 16).Select(static _ => TestKeys.Create())];
        var (node, backplane) = await StartAsync(keys);
        await using var _ = node;
        await using var client = await node.ConnectAsync();

        backplane.Receiver.OnReceived(node.Hub.AllChannel, Seal(TestKeys.Sealer(keys[15], _time), node.Hub.AllChannel, "with the last"));

        Assert.Equal("with the last", await client.ReceiveTextAsync());
    }

    [Fact]
    public void Publish_WithoutKeys_HandsOverWhatItWasGivenAndAllocatesNothing()
    {
        var backplane = new TakingBackplane();
        using var meters = new ServiceCollection().AddMetrics().BuildServiceProvider();
        using var metrics = new DistributedWebSocketsMetrics(meters.GetRequiredService<IMeterFactory>(), TimeProvider.System, new(NullLogger<DistributedWebSocketsMetrics>.Instance));
        var publisher = new BackplanePublisher(backplane, new(TestKeys.Ring(), _time), metrics);
        ReadOnlyMemory<byte> payload = Plain("text");
        Publish();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            Publish();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(backplane.Taken.Equals(payload));

        void Publish()
        {
            var publish = publisher.PublishAsync("channel", payload, CancellationToken.None);
            Assert.True(publish.IsCompletedSuccessfully);
            _ = publish.Result;
        }
    }

    private static void Add(DistributedWebSocketsOptions options, IEnumerable<string> keys)
    {
        foreach (var key in keys)
        {
            options.EnvelopeKeys.Add(key);
        }
    }

    private static void AssertNoKey(IEnumerable<string> keys, IEnumerable<string> texts)
    {
        foreach (var text in texts)
        {
            foreach (var key in keys)
            {
                Assert.DoesNotContain(key[..8], text);
                Assert.DoesNotContain(key[^9..], text);
                if (Convert.TryFromBase64String(key, new byte[64], out _))
                {
                    Assert.DoesNotContain(Convert.ToHexString(Convert.FromBase64String(key))[..12], text, StringComparison.OrdinalIgnoreCase);
                }
            }
        }
    }

    private static byte[] Plain(string text)
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text(text));
        return new EnvelopeWriter("node-x").WriteFrame(WebSocketTargetKind.All, [], [], Guid.Empty, frame, out var length)[..length];
    }

    private static byte[] Seal(EnvelopeSealer sealer, string channel, string text) => sealer.Seal(channel, Plain(text), out var length)[..length];

    private static MetricCollector<long> Dropped(AppNode node) =>
        new(node.Services.GetRequiredService<IMeterFactory>(), "DistributedSockets", "distributed_sockets.backplane.dropped_envelopes");

    private static Task<HealthReport> HealthAsync(AppNode node) => node.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Cancellation);

    private Task<(AppNode Node, FakeBackplane Backplane)> StartAsync(params string[] keys) => StartAsync(keys, static _ => { });

    /// <summary>Starts a node whose clock stands still, with one lane so that what was sent later arrives later.</summary>
    private async Task<(AppNode Node, FakeBackplane Backplane)> StartAsync(
        string[] keys, Action<DistributedWebSocketsOptions> configure, string prefix = DistributedWebSocketsClusterOptions.DefaultPrefix)
    {
        var backplane = new FakeBackplane(_cluster);
        var node = await AppNode.StartAsync(
            _cluster,
            options =>
            {
                options.Lanes = 1;
                Add(options, keys);
                configure(options);
            },
            sockets =>
            {
                sockets.UseBackplane(_ => backplane).ConfigureCluster(options => options.Prefix = prefix);
                sockets.Services.AddSingleton<IClusterObserver>(_losses);
                sockets.Services.AddHealthChecks().AddDistributedWebSockets();
                sockets.Services.Replace(ServiceDescriptor.Singleton<TimeProvider>(_time));
            });
        return (node, backplane);
    }

    /// <summary>Takes everything at once.</summary>
    private sealed class TakingBackplane : IBackplane
    {
        public string System => "taking";

        public ReadOnlyMemory<byte> Taken { get; private set; }

        public ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default) => default;

        public ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
        {
            Taken = payload;
            return new(PublishResult.Counted(1));
        }

        public ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default) => default;

        public ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default) => default;

        public ValueTask DisposeAsync() => default;
    }
}
