using System.Text.Json.Nodes;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Nats.Tests.Log;

/// <summary>What becomes of a log whose stream others touch, or that comes back as another one.</summary>
public sealed class NatsMessageLogStreamTests(JetStreamFixture jetStream) : IAsyncLifetime
{
    private static readonly LogTarget s_group = LogTarget.Group("red");

    private readonly string _prefix = $"log-{Guid.NewGuid():N}";

    public ValueTask InitializeAsync()
    {
        jetStream.Server.SkipUnlessAvailable();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Foreign_BytesUnderTheSubjects_TakeOffsetsAndBreakNothing()
    {
        await using var node = await StartAsync();
        var hub = Logs.NewHub();
        await node.SubscribeAsync(hub);
        var first = await node.AppendAsync(hub, s_group, "first");
        await using var stream = new Stream(jetStream.Server.Url, _prefix, hub.Name);
        var subjects = stream.Names.Stream(first.Position.Epoch).Subjects[..^1];
        foreach (var (subject, payload) in new[] { ("t.a", ""), ("l.stranger.0", ""), ("l.stranger.0", "\u00ff\u00ff"), ("l", "x"), ("anything.at.all", "x"), ("t.g.red", "forged") })
        {
            Assert.Null((await stream.AskAsync(subjects + subject, payload))["error"]);
        }

        var last = await node.AppendAsync(hub, [s_group, LogTarget.All], "last");

        Assert.Equal(8, last.Position.Offset);
        Assert.Equal(8, (await node.Received.WaitForAsync(hub.Name, last.Position)).Count);
        Assert.Equal(["first", "forged", "last"], Logs.Texts(await node.ReadAllAsync(hub, [s_group])));
        Assert.Equal(8, (await node.ReadAllAsync(hub, targets: null)).Count);
    }

    [Fact]
    public async Task Subscribe_ConsumerIsDeleted_NothingIsLeftOut()
    {
        await using var node = await StartAsync();
        await using var other = await StartAsync();
        var hub = Logs.NewHub();
        await node.SubscribeAsync(hub);
        var first = await other.AppendAsync(hub, s_group, "first");
        await node.Received.WaitForAsync(hub.Name, first.Position);
        await using var stream = new Stream(jetStream.Server.Url, _prefix, hub.Name);
        var name = stream.Names.Stream(first.Position.Epoch).Name;
        var consumer = (string)(await stream.AskAsync($"$JS.API.CONSUMER.NAMES.{name}"))["consumers"]!.AsArray().Single()!;

        Assert.True((bool)(await stream.AskAsync($"$JS.API.CONSUMER.DELETE.{name}.{consumer}"))["success"]!);
        LogAppendResult last = default;
        for (var i = 0; i < 50; i++)
        {
            last = await other.AppendAsync(hub, s_group, $"{i}");
        }

        var received = await node.Received.WaitForAsync(hub.Name, last.Position);
        Assert.Equal(["first", .. Enumerable.Range(0, 50).Select(static i => $"{i}")], Logs.Texts(received.Select(static one => one.Entry)));
        Assert.Empty(node.Received.Reports);
    }

    [Fact]
    public async Task Stream_Deleted_ALargerEpochBeginsForAll()
    {
        await using var node = await StartAsync();
        await using var other = await StartAsync();
        var hub = Logs.NewHub();
        await other.SubscribeAsync(hub);
        var old = (await node.AppendAsync(hub, s_group, "old")).Position;
        await other.Received.WaitForAsync(hub.Name, old);
        await using var stream = new Stream(jetStream.Server.Url, _prefix, hub.Name);
        await stream.AskStreamAsync("DELETE", old.Epoch);

        var failed = await Assert.ThrowsAsync<MessageLogUnavailableException>(() => node.AppendAsync(hub, s_group, "lost"));
        var first = await node.AppendAsync(hub, s_group, "new");

        Assert.False(failed.IsOutcomeUnknown);
        Assert.Equal((1, true), (first.Position.Offset, first.Position.Epoch > old.Epoch));
        Assert.Equal(["old", "new"], Logs.Texts((await other.Received.WaitForAsync(hub.Name, first.Position)).Select(static one => one.Entry)));
        Assert.Equal(first.Position, await other.GetEndAsync(hub));
        Assert.Equal([first.Position.Epoch], await stream.EpochsAsync());
    }

    [Fact]
    public async Task Server_RestoredFromOlderFiles_AnotherEpochBegins()
    {
        await using var server = new NatsServer { HasJetStream = true };
        await server.StartAsync();
        await using var node = await MessageLogNode.StartAsync(NatsFactory.MessageLog(server.Url, _prefix));
        var hub = Logs.NewHub();
        await node.SubscribeAsync(hub);
        await node.AppendAsync(hub, s_group, "kept");
        await server.StopAsync();
        var copy = Directory.CreateTempSubdirectory("nats-copy-").FullName;
        Copy(server.DataDirectory, copy);
        await server.StartAsync();
        var old = await Logs.PatientlyAsync(() => node.AppendAsync(hub, s_group, "lost"));
        await server.KillAsync();
        Directory.Delete(server.DataDirectory, recursive: true);
        Copy(copy, server.DataDirectory);
        await server.StartAsync();

        var first = await Logs.PatientlyAsync(() => node.AppendAsync(hub, s_group, "new"));

        Assert.Equal((1, true), (first.Position.Offset, first.Position.Epoch > old.Position.Epoch));
        Assert.Equal("new", Logs.Texts((await node.Received.WaitForAsync(hub.Name, first.Position)).Select(static one => one.Entry))[^1]);
        Directory.Delete(copy, recursive: true);

        static void Copy(string from, string to)
        {
            foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
            {
                var target = Path.Combine(to, Path.GetRelativePath(from, file));
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(file, target);
            }
        }
    }

    [Fact]
    public async Task Stream_BegunButNotMarked_IsReplaced()
    {
        await using var node = await StartAsync(static options => options.OperationTimeout = TimeSpan.FromSeconds(2));
        var hub = Logs.NewHub();
        await using var stream = new Stream(jetStream.Server.Url, _prefix, hub.Name);
        var abandoned = stream.Names.Stream(5);
        var config = new JsonObject { ["name"] = abandoned.Name, ["subjects"] = new JsonArray(abandoned.Subjects, stream.Names.OnlySubject), ["storage"] = "memory" };
        Assert.Null((await stream.AskStreamAsync("CREATE", 5, config.ToJsonString()))["error"]);

        var first = await Logs.PatientlyAsync(() => node.AppendAsync(hub, s_group, "first"));

        Assert.Equal((1, true), (first.Position.Offset, first.Position.Epoch > 5));
        Assert.Equal([first.Position.Epoch], await stream.EpochsAsync());
    }

    [Fact]
    public async Task Stream_KeepsOtherThanTheOptionsSay_IsChanged()
    {
        await using (var before = await StartAsync())
        {
            await before.AppendAsync(Logs.NewHub(maxEntries: 100), s_group, "first");
        }

        await using var node = await StartAsync();
        var hub = Logs.NewHub(maxEntries: 2);
        var last = await node.AppendAsync(hub, s_group, "second");

        await using var stream = new Stream(jetStream.Server.Url, _prefix, hub.Name);
        Assert.Equal(2, last.Position.Offset);
        Assert.Equal(3, (int)(await stream.AskStreamAsync("INFO", last.Position.Epoch))["config"]!["max_msgs_per_subject"]!);
    }

    private Task<MessageLogNode> StartAsync(Action<NatsMessageLogOptions>? configure = null) =>
        MessageLogNode.StartAsync(NatsFactory.MessageLog(jetStream.Server.Url, _prefix, configure));
}
