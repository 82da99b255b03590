using System.Diagnostics;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>The trace context of whoever sends travels with the envelope.</summary>
public sealed class TraceContextTests
{
    private const int Limit = 65_536;

    private static readonly EnvelopeWriter s_writer = new("node-a");

    private readonly InMemoryCluster _cluster = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SendOrCommand_InARecordedActivity_CarriesItsContext()
    {
        var (here, backplane) = await StartAsync();
        await using var _ = here;
        await using var there = await AppNode.StartAsync(_cluster);
        await using var near = await here.ConnectAsync("alice");
        await using var far = await there.ConnectAsync("alice");
        backplane.Records = true;

        using var activity = new RecordedActivity("vendor=abc");
        foreach (var target in new[]
        {
            WebSocketTarget.All, WebSocketTarget.User("alice"), WebSocketTarget.Group("red"), WebSocketTarget.Groups(["red", "blue"]),
            WebSocketTarget.Connection(far.Id), WebSocketTarget.Connections([near.Id, far.Id]),
        })
        {
            backplane.Published.Clear();
            await here.Router.SendAsync(target, WebSocketMessage.Text("hi"), Cancellation);

            Assert.NotEmpty(backplane.Published);
            Assert.All(backplane.Published, published => activity.AssertIn(published.Payload));
        }

        backplane.Published.Clear();
        await here.Router.AddToGroupAsync(far.Id, "red", Cancellation);
        await here.Router.DisconnectAsync(far.Id, WebSocketCloseStatus.PolicyViolation, "bye", Cancellation);

        Assert.NotEmpty(backplane.Published);
        Assert.All(backplane.Published, published => activity.AssertIn(published.Payload));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Send_InNoRecordedActivity_CarriesNone(bool isInAnActivity)
    {
        var (node, backplane) = await StartAsync();
        await using var __ = node;
        backplane.Records = true;

        using var activity = isInAnActivity ? new RecordedActivity(isRecorded: false) : null;
        await node.Router.SendAsync(WebSocketTarget.All, WebSocketMessage.Text("hi"), Cancellation);

        Assert.Equal(isInAnActivity, Activity.Current is not null);
        Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(Assert.Single(backplane.Published).Payload, EnvelopeKnowledge.Current, out var envelope));
        Assert.False(envelope.TryGetTraceContext(out _));
    }

    [Theory]
    [InlineData("01", true)]
    [InlineData("00", false)]
    public async Task Send_OfARequestWithATraceOfItsCaller_CarriesItOnIfItIsRecorded(string flags, bool carried)
    {
        const string TraceId = "0af7651916cd43dd8448eb211c80319c";
        var backplane = new FakeBackplane(_cluster) { Records = true };
        await using var node = await AppNode.StartAsync(
            _cluster,
            build: sockets => sockets.UseBackplane(_ => backplane),
            map: static app => app.MapPost("/push", static context =>
                context.RequestServices.GetRequiredService<IWebSocketRouter<ProbeHandler>>().SendToUserAsync("alice", "hi", context.RequestAborted).AsTask()));
        using var client = new HttpClient { BaseAddress = node.Address };
        client.DefaultRequestHeaders.Add("traceparent", $"00-{TraceId}-b7ad6b7169203331-{flags}");

        using var response = await client.PostAsync("/push", null, Cancellation);

        response.EnsureSuccessStatusCode();
        Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(Assert.Single(backplane.Published).Payload, EnvelopeKnowledge.Current, out var envelope));
        Assert.Equal(carried, envelope.TryGetTraceContext(out var context));
        Assert.Equal(carried, context.TraceId.ToString() == TraceId);
    }

    [Fact]
    public async Task Send_LeavingNoRoomForIt_GoesOutWithoutIt()
    {
        var (node, backplane) = await StartAsync();
        await using var _ = node;
        using var activity = new RecordedActivity();
        await node.Router.SendAsync(WebSocketTarget.All, WebSocketMessage.Binary(default), Cancellation);
        var overhead = new EnvelopeWriter(node.Hub.OwnChannel.Split(":node:")[1]).RoomFor(WebSocketTarget.All, []);
        var largest = (int)(Limit - (int.MaxValue - overhead)) - 4; // the header of a frame of this size
        const int Extension = EnvelopeExtension.HeaderBytes + TraceContextValue.MinBytes;
        backplane.Records = true;

        foreach (var length in new[] { largest, largest - Extension + 1, largest - Extension })
        {
            backplane.Published.Clear();
            await node.Router.SendAsync(WebSocketTarget.All, WebSocketMessage.Binary(new byte[length]), Cancellation);

            var payload = Assert.Single(backplane.Published).Payload;
            Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(payload, EnvelopeKnowledge.Current, out var envelope));
            Assert.Equal(length == largest - Extension, envelope.TryGetTraceContext(out var __));
            Assert.Equal(length == largest - Extension ? Limit : Limit - largest + length, payload.Length);
        }
    }

    [Theory]
    [InlineData(512, 'x', true)]
    [InlineData(513, 'x', false)]
    [InlineData(3, 'é', false)]
    [InlineData(3, '\n', false)]
    public void State_ThatNobodyMustPassOn_IsLeftOutAndTheRestIsNot(int length, char character, bool kept)
    {
        using var activity = new RecordedActivity(new string(character, length));

        var envelope = Write(new() { TraceContext = TraceContextValue.Current });

        Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(envelope, EnvelopeKnowledge.Current, out var read));
        Assert.True(read.TryGetTraceContext(out var context));
        Assert.Equal((activity.Context.SpanId, kept ? activity.Context.TraceState : null), (context.SpanId, context.TraceState));
    }

    [Theory]
    [InlineData("00000000000000000000000000000000b7ad6b716920333101")] // no trace id
    [InlineData("0af7651916cd43dd8448eb211c80319c000000000000000001")] // no parent
    [InlineData("0af7651916cd43dd8448eb211c80319cb7ad6b7169203331")] // cut off
    [InlineData("")]
    public void Value_OfNoUse_IsPassedOverAndTheMessageIsNot(string hex)
    {
        byte[] value = Convert.FromHexString(hex), envelope = Write(default);
        envelope = [.. envelope[..11], (byte)(value.Length + 3), 0, EnvelopeExtension.TraceContext.Id, (byte)value.Length, 0, .. value, .. envelope[13..]];

        Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(envelope, EnvelopeKnowledge.Current, out var read));
        Assert.False(read.TryGetTraceContext(out _));
        Assert.True(SharedFrame.IsFrame(read.Frame.Span, read.HasDeflated));
    }

    [Fact]
    public void WriteAndRead_WithAndWithoutAContext_AllocateNothing()
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text("hi"));
        using var activity = new RecordedActivity("vendor=abc");
        for (var i = 0; i < 10; i++)
        {
            WriteAndRead();
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            WriteAndRead();
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000); // perhaps an array of the pool, but nothing per envelope

        void WriteAndRead()
        {
            foreach (var traced in (ReadOnlySpan<bool>)[true, false])
            {
                var extensions = traced ? new EnvelopeExtensions { TraceContext = TraceContextValue.Current } : default;
                var array = s_writer.WriteFrame(WebSocketTargetKind.All, [], [], Guid.Empty, frame, out var length, extensions);
                if (Envelope.Read(array.AsMemory(0, length), EnvelopeKnowledge.Current, out var read) != EnvelopeVerdict.Taken
                    || read.TryFind(EnvelopeExtension.TraceContext, out _) != traced)
                {
                    throw new InvalidOperationException("It was written wrong.");
                }

                System.Buffers.ArrayPool<byte>.Shared.Return(array);
            }
        }
    }

    private static byte[] Write(EnvelopeExtensions extensions)
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text("hi"));
        return s_writer.WriteFrame(WebSocketTargetKind.All, [], [], Guid.Empty, frame, out var length, extensions)[..length];
    }

    private async Task<(AppNode Node, FakeBackplane Backplane)> StartAsync()
    {
        var backplane = new FakeBackplane(_cluster);
        return (await AppNode.StartAsync(_cluster, static options => options.MaxEnvelopeBytes = Limit, sockets => sockets.UseBackplane(_ => backplane)), backplane);
    }
}
