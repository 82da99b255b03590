using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>The envelope of a send and the frame that waits at local connections are one array.</summary>
public sealed class MessageSenderTests
{
    private readonly InMemoryCluster _cluster = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(10, false)]
    [InlineData(3_000, false)]
    [InlineData(2_100, true)]
    [InlineData(4_050, true)] // where the compressed frame does not fit behind the plain one
    public void Encode_OneTarget_IsTheSameEnvelopeAsOneThatIsACopy(int length, bool compressed)
    {
        var writer = new EnvelopeWriter("node-a");
        var deflater = compressed ? new FrameDeflater(new() { EnableCompression = true }) : null;
        var random = new Random(length);
        var message = WebSocketMessage.Text(string.Create(length, random, static (text, random) =>
        {
            for (var i = 0; i < text.Length; i++)
            {
                text[i] = (char)('a' + random.Next(20));
            }
        }));
        using var alone = SharedFrame.Encode(message, deflater);

        using var frame = writer.Encode(WebSocketTargetKind.Groups, ["grün"], ["node-b.x"], message, deflater);

        var copy = writer.WriteFrame(WebSocketTargetKind.Groups, ["grün"], ["node-b.x"], Guid.Empty, alone, out var bytes);
        Assert.Equal(copy.AsSpan(0, bytes), frame.Envelope.Span);
        Assert.Equal(alone.Bytes.Span, frame.Bytes.Span);
        Assert.Equal(alone.Deflated.Span, frame.Deflated.Span);
        Assert.Equal(compressed, frame.Deflated.Length > 0);
        Assert.True(frame.Envelope.Span.Overlaps(frame.Bytes.Span), "The envelope has a copy of the frame.");
    }

    [Fact]
    public async Task Send_PublishTakesItsTime_ItsEnvelopeStaysAsItIs()
    {
        var backplane = new FakeBackplane(_cluster);
        await using var here = await AppNode.StartAsync(_cluster, build: sockets => sockets.UseBackplane(_ => backplane));
        await using var there = await AppNode.StartAsync(_cluster);
        await using var near = await here.ConnectAsync("ann");
        await using var far = await there.ConnectAsync("ann");
        var gate = new TaskCompletionSource();
        backplane.PublishGate = gate;

        var sends = new[] { WebSocketTarget.User("ann"), WebSocketTarget.All, WebSocketTarget.Connection(far.Id) }
            .Select(target => here.Router.SendAsync(target, WebSocketMessage.Text(target.Kind.ToString()), Cancellation).AsTask()).ToArray();
        Assert.Equal("Users", await near.ReceiveTextAsync()); // written, so the queue has let go of it
        Assert.Equal("All", await near.ReceiveTextAsync());
        backplane.PublishGate = null;
        for (var i = 0; i < 100; i++)
        {
            await here.Router.SendToUserAsync("nobody", $"{i}", Cancellation); // takes arrays of the same size
        }

        gate.SetResult();
        await Task.WhenAll(sends).WithinGuardAsync();

        var received = new List<string> { await far.ReceiveTextAsync(), await far.ReceiveTextAsync(), await far.ReceiveTextAsync() };
        Assert.Equal(["All", "Connections", "Users"], received.Order(StringComparer.Ordinal));
    }
}
