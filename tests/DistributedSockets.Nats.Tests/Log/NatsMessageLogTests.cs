using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.Log;

/// <summary>What a log in JetStream does beyond what every log promises.</summary>
public sealed class NatsMessageLogTests(NatsServer withoutJetStream, JetStreamFixture jetStream) : IAsyncLifetime
{
    private static readonly LogTarget s_group = LogTarget.Group("red");

    private readonly string _prefix = $"log-{Guid.NewGuid():N}";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        jetStream.Server.SkipUnlessAvailable();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Start_ServerWithoutJetStream_SaysWhatToDo()
    {
        var causes = new Causes();
        await using var log = NatsFactory.MessageLog(withoutJetStream.Url, _prefix);

        await log.StartAsync(causes, Cancellation);

        await Eventually.TrueAsync(() => causes.Last is not null, "the outage is reported");
        Assert.Contains("JetStream is off", causes.Last!.Message, StringComparison.Ordinal);
        var refused = await Assert.ThrowsAsync<MessageLogUnavailableException>(async () => await log.AppendAsync(Logs.NewHub(), new() { Targets = [s_group], Payload = new byte[1] }, Cancellation));
        Assert.Contains("JetStream is off", refused.Message, StringComparison.Ordinal);
        Assert.False(refused.IsOutcomeUnknown);
    }

    [Fact]
    public async Task Start_PermissionsOfThePageAlone_Works()
    {
        await using var server = new NatsServer
        {
            HasJetStream = true,
            Configuration = $$"""authorization { users = [ { user: log, password: secret, permissions: {{NatsPage.MessageLogPermissions()}} } ] }""",
        };
        await server.StartAsync();
        await using var node = await MessageLogNode.StartAsync(NatsFactory.MessageLog($"nats://log:secret@{server.EndPoint}", "shop"));
        var hub = Logs.NewHub(maxEntries: 3);
        await node.SubscribeAsync(hub);

        LogAppendResult last = default;
        for (var i = 0; i < 10; i++)
        {
            last = await node.AppendAsync(hub, i % 2 == 0 ? [s_group] : [s_group, LogTarget.All], $"{i}", $"key {i}");
        }

        Assert.Equal(10, (await node.Received.WaitForAsync(hub.Name, last.Position)).Count);
        Assert.NotEmpty(await node.ReadAllAsync(hub, [s_group]));
        await using var changed = await MessageLogNode.StartAsync(NatsFactory.MessageLog($"nats://log:secret@{server.EndPoint}", "shop"));
        Assert.Equal(last.Position, await changed.GetEndAsync(Logs.NewHub(maxEntries: 4)));
        Assert.Empty(node.Received.Reports);
    }

    [Fact]
    public async Task Append_LargerThanTheServerTakes_IsRefusedForCertain()
    {
        await using var node = await StartAsync();
        var hub = Logs.NewHub();
        const int limit = 1024 * 1024;

        var refused = await Assert.ThrowsAsync<MessageLogUnavailableException>(() => node.AppendAsync(hub, new() { Targets = [s_group], Payload = new byte[limit + 1] }));
        Assert.False(refused.IsOutcomeUnknown);
        Assert.Contains($"{limit + 1}", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"max_payload of the NATS server, which is {limit}", refused.Message, StringComparison.Ordinal);

        Assert.Equal(1, (await node.AppendAsync(hub, new() { Targets = [s_group], Payload = new byte[limit] })).Position.Offset);
        await Assert.ThrowsAsync<MessageLogUnavailableException>(() => node.AppendAsync(hub, new() { Targets = [s_group], Payload = new byte[limit], IdempotencyKey = "key" }));
        Assert.Single(await node.ReadAllAsync(hub, targets: null));
    }

    [Fact]
    public async Task Append_ServerStandsStill_IsUnknownAndStandsOnceWhenItGoesOn()
    {
        await using var server = new NatsServer { HasJetStream = true };
        await server.StartAsync();
        await using var node = await MessageLogNode.StartAsync(NatsFactory.MessageLog(server.Url, _prefix, static options => options.OperationTimeout = TimeSpan.FromSeconds(1)));
        var hub = Logs.NewHub();
        await node.AppendAsync(hub, s_group, "first");
        await server.PauseAsync();

        var failed = await Assert.ThrowsAsync<MessageLogUnavailableException>(() => node.AppendAsync(hub, s_group, "in between"));

        Assert.True(failed.IsOutcomeUnknown);
        await server.ResumeAsync();
        LogAppendResult? after = null;
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    after = await node.AppendAsync(hub, s_group, "after", "after");
                }
                catch (MessageLogUnavailableException)
                {
                    // Once more, under the same key.
                }

                return after is not null;
            },
            "an append is answered again");
        var texts = Logs.Texts(await node.ReadAllAsync(hub, targets: null));
        Assert.Equal(["first", "in between", "after"], texts);
    }

    [Fact]
    public async Task Append_MoreThanMayWait_IsRefusedForCertain()
    {
        await using var server = new NatsServer { HasJetStream = true };
        await server.StartAsync();
        await using var node = await MessageLogNode.StartAsync(NatsFactory.MessageLog(server.Url, _prefix, static options => options.MaxPendingBytes = 1024 * 1024));
        var hub = Logs.NewHub();
        await node.AppendAsync(hub, s_group, "first");
        await server.PauseAsync();
        var waiting = node.Log.AppendAsync(hub, new() { Targets = [s_group], Payload = new byte[600_000] }, Cancellation).AsTask();

        var refused = await Assert.ThrowsAsync<MessageLogUnavailableException>(() => node.AppendAsync(hub, new() { Targets = [s_group], Payload = new byte[600_000] }));

        Assert.False(refused.IsOutcomeUnknown);
        Assert.Contains("MaxPendingBytes, which is 1048576", refused.Message, StringComparison.Ordinal);
        await server.ResumeAsync();
        Assert.Equal(2, (await waiting.WithinGuardAsync()).Position.Offset);
        Assert.Equal(3, (await node.AppendAsync(hub, new() { Targets = [s_group], Payload = new byte[600_000] })).Position.Offset);
    }

    [Fact]
    public async Task Append_SeveralTargets_GoByAgeAlone()
    {
        await using var node = await StartAsync();
        var hub = Logs.NewHub(maxEntries: 2);
        for (var i = 0; i < 10; i++)
        {
            await node.AppendAsync(hub, [s_group, LogTarget.User("alice")], $"{i}");
        }

        Assert.Equal(10, (await node.ReadAllAsync(hub, [LogTarget.User("alice")])).Count);
        Assert.Equal(10, (await node.ReadAllAsync(hub, targets: null)).Count);
    }

    [Fact]
    public async Task MaxLogBytes_Exceeded_OldestGoAndAreTold()
    {
        await using var node = await StartAsync(static options => options.MaxLogBytes = 1024 * 1024);
        var hub = Logs.NewHub();
        LogPosition end = default;
        for (var i = 0; i < 20; i++)
        {
            end = (await node.AppendAsync(hub, new() { Targets = [LogTarget.User($"{i}"), s_group], Payload = new byte[100_000] })).Position;
        }

        var page = await node.ReadPageAsync(hub, new() { Targets = [s_group], Epoch = end.Epoch, After = 0, UpTo = end.Offset, MaxEntries = 100, MaxBytes = 1 << 24 });

        Assert.InRange(page.RemovedTo, 1, 19);
        Assert.Equal(page.RemovedTo + 1, page.Entries[0].Offset);
        Assert.Equal(end.Offset, page.Entries[^1].Offset);
    }

    [Fact]
    public async Task Read_ManyAtOnce_ShareOnePassOverTheStream()
    {
        const int count = 1_000;
        await using var node = await StartAsync();
        var hub = Logs.NewHub();
        var end = (await Task.WhenAll(Enumerable.Range(0, count).Select(i => node.AppendAsync(hub, LogTarget.Group($"{i % 10}"), $"{i}"))))[^1].Position;
        await using var stream = new Stream(jetStream.Server.Url, _prefix, hub.Name);
        var consumers = 0;
        await using var spy = await stream.Connection.SubscribeCoreAsync<byte[]>($"$JS.API.CONSUMER.CREATE.{stream.Names.Stream(end.Epoch).Name}", cancellationToken: Cancellation);
        await stream.Connection.PingAsync(Cancellation); // the server knows of the spy

        var reads = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => Task.Run(
            () => node.ReadAllAsync(hub, i % 2 == 0 ? [LogTarget.Group($"{i % 10}")] : null, after: i, maxEntries: 10_000), Cancellation)));

        await stream.Connection.PingAsync(Cancellation); // what the spy is to hear has arrived
        while (spy.Msgs.TryRead(out _))
        {
            consumers++;
        }

        Assert.All(reads, (read, i) => Assert.Equal(Enumerable.Range(i, count - i).Where(j => i % 2 == 1 || j % 10 == i % 10).Select(static j => $"{j}"), Logs.Texts(read)));
        Assert.InRange(consumers, 1, 6); // one, and others where somebody began before what was read
    }

    [Fact]
    public async Task Read_WholeLogWithHoles_IsToldOfThem()
    {
        await using var node = await StartAsync();
        var hub = Logs.NewHub(maxEntries: 3);
        await node.AppendAsync(hub, LogTarget.User("quiet"), "quiet");
        LogPosition end = default;
        for (var i = 0; i < 10; i++)
        {
            end = (await node.AppendAsync(hub, s_group, $"{i}")).Position;
        }

        foreach (var fromEnd in new[] { false, true })
        {
            var query = new LogQuery { Targets = null, Epoch = end.Epoch, After = 0, UpTo = end.Offset, MaxEntries = 100, MaxBytes = 1 << 20, FromEnd = fromEnd };
            var page = await node.ReadPageAsync(hub, query);
            Assert.Equal(["quiet", "6", "7", "8", "9"], Logs.Texts(page.Entries));
            Assert.Equal(7, page.RemovedTo);

            // Behind the holes there is none.
            page = await node.ReadPageAsync(hub, query with { After = 7 });
            Assert.Equal(["6", "7", "8", "9"], Logs.Texts(page.Entries));
            Assert.InRange(page.RemovedTo, 0, 7);
        }
    }

    [Fact]
    public async Task Connection_OfTheApp_StaysOpenAndHasNothingOfOursLeft()
    {
        await using var connection = new NatsConnection(NatsOpts.Default with { Url = jetStream.Server.Url });
        var node = await StartAsync(options => (options.Url, options.Connection) = (null, connection));
        var hub = Logs.NewHub();
        await node.SubscribeAsync(hub);
        var appended = await node.AppendAsync(hub, s_group, "hello");
        await node.Received.WaitForAsync(hub.Name, appended.Position);

        await node.DisposeAsync();

        await connection.PingAsync(Cancellation);
        await using var stream = new Stream(jetStream.Server.Url, _prefix, hub.Name);
        await Eventually.TrueAsync(
            async () => (int)(await stream.AskStreamAsync("INFO", appended.Position.Epoch))["state"]!["consumer_count"]! == 0, "its consumer is gone");
    }

    private Task<MessageLogNode> StartAsync(Action<NatsMessageLogOptions>? configure = null) =>
        MessageLogNode.StartAsync(NatsFactory.MessageLog(jetStream.Server.Url, _prefix, configure));

    private sealed class Causes : IMessageLogReceiver
    {
        private volatile Exception? _last;

        public Exception? Last => _last;

        public void OnAppended(string hub, long epoch, in LogEntry entry)
        {
        }

        public void OnUnavailable(Exception? cause) => _last = cause;

        public void OnAvailable()
        {
        }
    }
}
