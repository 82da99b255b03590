namespace DistributedSockets.ClusterTests;

/// <summary>Commands for connections that do not exist are answered at once, not when the remote command's time is up.</summary>
[Collection(SharedGroup.Name)]
public sealed class UnknownConnectionTests(SharedCluster cluster)
{
    public enum Id
    {
        NoIdAtAll,
        NodeUnknown,
        EndedHere,
        EndedOnTheOtherNode,
    }

    [Theory]
    [InlineData(Id.NoIdAtAll)]
    [InlineData(Id.NodeUnknown)]
    [InlineData(Id.EndedHere)]
    [InlineData(Id.EndedOnTheOtherNode)]
    public async Task Command_UnknownConnection_IsNotFound(Id kind)
    {
        var id = await IdAsync(kind);
        foreach (object command in new object[]
        {
            new { op = "join", connection = id, group = "nobody" },
            new { op = "leave", connection = id, group = "nobody" },
            new { op = "leaveAll", connection = id },
            new { op = "disconnect", connection = id },
        })
        {
            // Not a timeout: the connection's node, or the lack of it, has answered.
            Assert.Equal("ConnectionNotFoundException", (await cluster.A.CommandAsync(command)).Error);
        }
    }

    [Theory]
    [InlineData(Id.NoIdAtAll)]
    [InlineData(Id.NodeUnknown)]
    [InlineData(Id.EndedHere)]
    [InlineData(Id.EndedOnTheOtherNode)]
    public async Task Kill_UnknownConnection_AnswersError(Id kind)
    {
        var id = await IdAsync(kind);
        await using var client = await cluster.A.ConnectAsync();

        await client.SendAsync($"C{id} hello"); // at most once, to nobody: no error, no answer
        await client.SendAsync($"K{id}");

        Assert.StartsWith("error K ", await client.TextAsync(), StringComparison.Ordinal);
        await client.AskAsync("Efence", "fence");
    }

    private async Task<string> IdAsync(Id kind)
    {
        switch (kind)
        {
            case Id.NoIdAtAll:
                return "nobody";
            case Id.NodeUnknown:
                return "gone-0123456789.AAAAAAAAAAAAAAAAAAAAAA";
            default:
                var node = kind == Id.EndedHere ? cluster.A : cluster.B;
                var client = await node.ConnectAsync();
                await client.DisposeAsync();
                await Guard.UntilAsync(
                    async () => (await node.EventsAsync()).Any(happened => happened.Event == "session_ended" && happened.ConnectionId == client.ConnectionId),
                    "the end of a session");
                return client.ConnectionId;
        }
    }
}
