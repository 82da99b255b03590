using System.IO.Pipelines;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

public sealed class FanOutTests
{
    [Theory]
    [InlineData(10, false)]
    [InlineData(1_000, false)]
    [InlineData(1_000, true)]
    public async Task FanOut_IdleConnections_AllocatesNothingPerRecipient(int recipients, bool deflated)
    {
        await using var node = await AppNode.StartAsync();
        var services = node.Services.GetRequiredService<ConnectionServices>();
        var members = new Connection[recipients];
        for (var i = 0; i < members.Length; i++)
        {
            var tap = new TapStream(Stream.Null, PipeWriter.Create(Stream.Null), TimeProvider.System);
            members[i] = new(new DefaultHttpContext(), WebSocket.CreateFromStream(new MemoryStream(), new()), tap, "h", null, services, takesDeflated: deflated);
        }

        using var frame = SharedFrame.Encode(
            WebSocketMessage.Binary(new byte[128]), deflated ? new FrameDeflater(new() { EnableCompression = true, CompressionThresholdBytes = 1 }) : null);
        Assert.Equal(deflated, frame.LengthFor(deflate: true) < frame.Length);
        Send(); // the first time makes queues grow
        var before = GC.GetAllocatedBytesForCurrentThread();
        var sent = 0;
        for (var i = 0; i < 10; i++)
        {
            sent += Send();
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal((10 * recipients, 0L), (sent, allocated));

        int Send()
        {
            var queued = FanOut.Enqueue(members, frame, []);
            FanOut.Start(members);
            return queued;
        }
    }
}
