using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace DistributedSockets.Tests;

/// <summary>Nodes of two versions beside each other, as in every rolling deploy.</summary>
public sealed class VersionsTests
{
    /// <summary>What the first version knew. Never to be changed.</summary>
    private static readonly EnvelopeKnowledge s_yesterday = new(
        [EnvelopeKind.Frame, EnvelopeKind.Command, EnvelopeKind.Reply],
        [
            RemoteCommandKind.AddToGroup, RemoteCommandKind.RemoveFromGroup, RemoteCommandKind.RemoveFromAllGroups, RemoteCommandKind.Disconnect,
            RemoteCommandKind.DisconnectUser, RemoteCommandKind.DisconnectGroup, RemoteCommandKind.Withdraw, RemoteCommandKind.Find,
        ],
        []);

    private readonly InMemoryCluster _cluster = new();
    private readonly LossObserver _losses = new();

    public static TheoryData<byte> Extensions => [.. EnvelopeExtension.All.Select(static extension => extension.Id)];

    public static TheoryData<byte> AddedKinds => [.. Enum.GetValues<EnvelopeKind>().Where(static kind => !s_yesterday.Knows(kind)).Select(static kind => (byte)kind), 0x7F, 0xFF];

    public static TheoryData<byte> AddedCommands => [.. Enum.GetValues<RemoteCommandKind>().Where(static kind => !s_yesterday.Knows(kind)).Select(static kind => (byte)kind), 0x7F, 0xFF];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NodeOfYesterday_BesideOneOfToday_GetsAllThatThatSends(bool seals)
    {
        var key = seals ? TestKeys.Create() : null;
        var backplane = new FakeBackplane(_cluster) { Records = true };
        await using var today = await StartAsync(EnvelopeKnowledge.Current, key, backplane);
        await using var yesterday = await StartAsync(s_yesterday, key);
        await using var near = await today.ConnectAsync("alice");
        await using var far = await yesterday.ConnectAsync("alice");
        backplane.Published.Clear();
        using var activity = new RecordedActivity("vendor=abc"); // so that today's writer adds what it can

        await today.Router.SendToAllAsync("all", Cancellation);
        await today.Router.SendToUserAsync("alice", "user", Cancellation);
        await today.Router.AddToGroupAsync(far.Id, "red", Cancellation); // a command, and its answer
        await today.Router.SendToGroupAsync("red", "group", Cancellation);
        await today.Router.SendToConnectionAsync(far.Id, "connection", Cancellation);
        await today.Router.SendAsync(
            WebSocketTarget.User("alice"), WebSocketMessage.Text("terms"), new SendOptions { TimeToLive = TimeSpan.FromMinutes(1), ConflationKey = "state" }, Cancellation);
        await today.Router.DisconnectAsync(far.Id, (System.Net.WebSockets.WebSocketCloseStatus)4_001, "bye", Cancellation);

        foreach (var text in new[] { "all", "user", "group", "connection", "terms" })
        {
            Assert.Equal(text, await far.ReceiveTextAsync());
        }

        Assert.Equal((System.Net.WebSockets.WebSocketCloseStatus)4_001, (await far.ReceiveCloseAsync()).Item1);
        Assert.Empty(_losses.Seen);
        if (!seals)
        {
            Assert.All(backplane.Published, published => activity.AssertIn(published.Payload));
        }

        await yesterday.Router.SendToUserAsync("alice", "from yesterday", Cancellation);
        string received;
        do
        {
            received = await near.ReceiveTextAsync();
        }
        while (received != "from yesterday");
    }

    [Theory]
    [MemberData(nameof(Extensions))]
    public void Extension_AtAReaderOfYesterday_IsPassedOverOrRefusedAsItsNumberSays(byte id)
    {
        var extension = EnvelopeKnowledge.Current.FindExtension(id);
        Assert.NotNull(extension);
        var envelope = Write([id, (byte)extension.MinBytes, (byte)(extension.MinBytes >> 8), .. new byte[extension.MinBytes]]);

        Assert.Equal(extension.MayBeIgnored ? EnvelopeVerdict.Taken : EnvelopeVerdict.NotUnderstood, Envelope.Read(envelope, s_yesterday, out var read));

        if (extension.MayBeIgnored)
        {
            Assert.Equal("node-a", Encoding.UTF8.GetString(read.Origin));
            Assert.Equal(["alice"], EnvelopeNames.List(read.Names(new char[NameList.ScratchChars])));
            Assert.True(SharedFrame.TryWrap(read.Frame, read.HasDeflated, out var frame));
            Assert.Equal("hi", Encoding.UTF8.GetString(frame.Payload.Span));
            frame.Release();
        }

        // And by one of today.
        Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(envelope, EnvelopeKnowledge.Current, out read));
        Assert.True(read.TryFind(extension, out var value));
        Assert.Equal(extension.MinBytes, value.Length);
    }

    [Theory]
    [MemberData(nameof(AddedKinds))]
    public async Task Kind_AtANodeOfYesterday_IsPassedOverOrReportedAsItsNumberSays(byte kind)
    {
        await using var node = await StartAsync(s_yesterday);
        await using var client = await node.ConnectAsync("alice");
        var envelope = Write([]);
        envelope[EnvelopeWriter.KindAt] = kind;

        Receive(node, envelope);
        Receive(node, Write([]));

        Assert.Equal("hi", await client.ReceiveTextAsync());
        await AssertReportedAsync(kind);
    }

    [Theory]
    [MemberData(nameof(AddedCommands))]
    public async Task CommandWithoutAnAnswer_AtANodeOfYesterday_IsPassedOverOrReportedAsItsNumberSays(byte command)
    {
        await using var node = await StartAsync(s_yesterday);
        await using var client = await node.ConnectAsync("alice");

        Receive(node, new EnvelopeWriter("node-a").WriteCommand(Guid.Empty, new((RemoteCommandKind)command, "x"), out var length)[..length]);

        Receive(node, Write([]));

        Assert.Equal("hi", await client.ReceiveTextAsync()); // in the same lane, and behind it
        await AssertReportedAsync(command);
    }

    [Theory]
    [MemberData(nameof(AddedCommands))]
    public async Task Command_AtANodeOfYesterday_FailsWithAWordAndWithoutLoss(byte command)
    {
        await using var today = await StartAsync(EnvelopeKnowledge.Current);
        await using var yesterday = await StartAsync(s_yesterday);
        await using var client = await yesterday.ConnectAsync("alice");

        var failure = await Assert.ThrowsAsync<NotSupportedException>(async () => await today.Services.GetRequiredService<RemoteCommands>()
            .InvokeAsync(today.Hub, new((RemoteCommandKind)command, client.Id), Cancellation));

        Assert.Contains("older version", failure.Message);
        Assert.Empty(_losses.Seen);
    }

    [Fact]
    public void Extensions_AllOfThem_AreNumberedAndPlacedOnceEach()
    {
        var all = EnvelopeExtension.All;

        Assert.Equal(Enumerable.Range(0, EnvelopeExtension.Count), all.Select(static extension => extension.Index));
        Assert.Equal(all.Length, all.Select(static extension => extension.Id & 0x7F).Distinct().Count());
        Assert.All(all, static extension => Assert.InRange(extension.Id & 0x7F, 1, 0x7E)); // the last one is for tests of what nobody knows
        Assert.All(all, static extension => Assert.True(extension.MinBytes <= extension.MaxBytes));
        Assert.InRange(all.Sum(static extension => EnvelopeExtension.HeaderBytes + extension.MaxBytes), 0, ushort.MaxValue);
    }

    private static byte[] Write(byte[] area)
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text("hi"));
        var envelope = new EnvelopeWriter("node-a").WriteFrame(WebSocketTargetKind.Users, ["alice"], [], Guid.Empty, frame, out var length)[..length];
        return [.. envelope[..11], (byte)area.Length, (byte)(area.Length >> 8), .. area, .. envelope[13..length]];
    }

    private static void Receive(AppNode node, byte[] envelope) =>
        node.Services.GetRequiredService<EnvelopeSorter>().OnReceived(node.Hub.UserChannel("alice"), envelope);

    private async Task AssertReportedAsync(byte number)
    {
        if ((number & EnvelopeKnowledge.MayBeIgnored) != 0)
        {
            Assert.Empty(_losses.Seen);
            return;
        }

        await Testing.Eventually.TrueAsync(() => !_losses.Seen.IsEmpty, "the loss is reported");
        Assert.Contains("one version", Assert.Single(_losses.Seen).Description);
    }

    private Task<AppNode> StartAsync(EnvelopeKnowledge knowledge, string? key = null, FakeBackplane? backplane = null) => AppNode.StartAsync(
        _cluster,
        options =>
        {
            options.Lanes = 1;
            if (key is not null)
            {
                options.EnvelopeKeys.Add(key);
            }
        },
        sockets =>
        {
            if (backplane is not null)
            {
                sockets.UseBackplane(_ => backplane);
            }

            sockets.Services.Replace(ServiceDescriptor.Singleton(knowledge));
            sockets.Services.AddSingleton<IClusterObserver>(_losses);
        });
}
