namespace DistributedSockets.ClusterTests;

/// <summary>Nodes of one each, which all tests with hostile clients share: none may harm the next.</summary>
public sealed class AbusedNodes : IAsyncLifetime
{
    private TestNodeProcess[] _nodes = [];

    internal TestNodeProcess Http11 => _nodes[0];

    internal TestNodeProcess Http2 => _nodes[1];

    internal TestNodeProcess Compressing => _nodes[2];

    public async ValueTask InitializeAsync() => _nodes = await TestNodeProcess.StartAsync(
        new NodeSettings { Name = "http11" },
        new NodeSettings { Name = "http2", Http2 = true },
        new NodeSettings { Name = "compressing", Compression = true });

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }
}
