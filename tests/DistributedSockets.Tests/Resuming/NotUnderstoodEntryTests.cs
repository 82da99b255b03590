using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>Entries of a later version in the log, which a node may not pass over.</summary>
public sealed class NotUnderstoodEntryTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Entry_NotUnderstood_CutsTheSocketOfASessionThatIsMeantOnceAndIsAGapThen()
    {
        await using var node = await AppNode.StartAsync(build: static sockets => sockets.AddHub<ProbeHandler>(static hub =>
        {
            hub.LoggedGroups.Add("*");
            (hub.LogAll, hub.EnableResume) = (true, true);
        }));
        await using var client = await ConnectAsync(node);
        var words = (await client.ReceiveTextAsync()).TrimEnd('\n').Split(' ');
        Assert.StartsWith("u\n", await client.ReceiveTextAsync(), StringComparison.Ordinal); // the handler's greeting
        await node.Router.SendToAllAsync("one", Cancellation);
        Assert.Equal("m 1\none", await client.ReceiveTextAsync());

        await AppendOfLaterVersionAsync(node, LogTarget.Group("of others"));
        await node.Router.SendToAllAsync("two", Cancellation);
        Assert.Equal("m 2\ntwo", await client.ReceiveTextAsync());

        await AppendOfLaterVersionAsync(node, LogTarget.All);
        Assert.Equal(CloseCodes.TryAgainLater, (await client.ReceiveCloseAsync()).Status);
        await Eventually.TrueAsync(() => node.Hub.Count == 0, "the connection has ended");
        await node.Router.SendToAllAsync("three", Cancellation);

        await using var again = await ConnectAsync(node, $"resume.{words[1]}.{words[2]}.2");
        Assert.Equal(words[1], (await again.ReceiveTextAsync()).Split(' ')[1]);
        Assert.Equal(["g\n", "m 3\nthree"], await ReceiveAsync(again, 2));
        await AppendOfLaterVersionAsync(node, LogTarget.All);
        await node.Router.SendToAllAsync("four", Cancellation);
        Assert.Equal(["g\n", "m 4\nfour"], await ReceiveAsync(again, 2));
    }

    /// <summary>Appends what looks like a message with a flag that nobody knows yet.</summary>
    private static async Task AppendOfLaterVersionAsync(AppNode node, LogTarget target)
    {
        using var frame = node.Services.GetRequiredService<EnvelopeWriter>().Encode(WebSocketTargetKind.All, [], [], WebSocketMessage.Text("later"), null, default);
        var bytes = frame.Envelope.ToArray();
        bytes[EnvelopeWriter.FlagsAt] = 0x40;
        await node.Services.GetRequiredService<IMessageLog>().AppendAsync(node.Hub.Log!.Hub, new() { Targets = [target], Payload = bytes }, Cancellation);
    }

    /// <summary>The next messages but for what the handler says.</summary>
    private static async Task<List<string>> ReceiveAsync(TestClient client, int count)
    {
        var texts = new List<string>();
        while (texts.Count < count)
        {
            if (await client.ReceiveTextAsync() is var text && !text.StartsWith("u\n", StringComparison.Ordinal))
            {
                texts.Add(text);
            }
        }

        return texts;
    }

    private static Task<TestClient> ConnectAsync(AppNode node, string? resume = null) => TestClient.ConnectAsync(
        node.Address,
        "/chat",
        options =>
        {
            options.AddSubProtocol(ResumeV1.Name);
            if (resume is not null)
            {
                options.AddSubProtocol(resume);
            }
        },
        readId: false);
}
