using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

public sealed class FanOutTests
{
    [Theory]
    [InlineData(10)]
    [InlineData(1_000)]
    public async Task FanOut_IdleConnections_AllocatesNothingPerRecipient(int recipients)
    {
        await using var node = await AppNode.StartAsync();
        var services = node.Services.GetRequiredService<ConnectionServices>();
        var members = new Connection[recipients];
        for (var i = 0; i < members.Length; i++)
        {
            members[i] = new(new DefaultHttpContext(), WebSocket.CreateFromStream(new MemoryStream(), new()), new TapStream(new Sink(), TimeProvider.System), "h", null, services);
        }

        using var frame = SharedFrame.Encode(WebSocketMessage.Binary(new byte[128]));
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

    /// <summary>A transport that takes everything at once.</summary>
    private sealed class Sink : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
