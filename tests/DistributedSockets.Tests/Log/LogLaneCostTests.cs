using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>What a logged send costs a node that holds no target.</summary>
public sealed class LogLaneCostTests
{
    [Theory]
    [InlineData(WebSocketTargetKind.All)]
    [InlineData(WebSocketTargetKind.Groups)]
    [InlineData(WebSocketTargetKind.Users)]
    [InlineData(WebSocketTargetKind.Connections)]
    public async Task Entry_ForNobodyHere_AllocatesNothing(WebSocketTargetKind kind)
    {
        const int Entries = 1_000;
        var server = new FakeLogServer();
        var log = new FakeMessageLog(server);
        await using var node = await AppNode.StartAsync(options: static options => options.EnableLog = true, build: sockets => sockets.UseMessageLog(_ => log));
        await node.Services.GetRequiredService<HubLogs>().AdmitAsync(node.Hub);
        string[] names = kind == WebSocketTargetKind.All ? [] : kind == WebSocketTargetKind.Connections ? ["other-node.AAAA", "other-node.BBBB"] : ["red", "green"];
        var writer = new EnvelopeWriter("other-node");
        using var frame = writer.Encode(kind, names, [], WebSocketMessage.Text(new string('x', 100)), null);
        var payload = frame.Envelope.ToArray();
        HandOver(1);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var offset = 2; offset <= Entries; offset++)
        {
            HandOver(offset);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(new(server.Epoch, Entries), node.Services.GetRequiredService<HubLogs>().LaneOf(node.Hub)!.Position);

        void HandOver(long offset) => log.Receiver.OnAppended(
            "probe", server.Epoch, new() { Offset = offset, PreviousOffset = offset - 1, AppendedAt = default, Payload = payload });
    }
}
