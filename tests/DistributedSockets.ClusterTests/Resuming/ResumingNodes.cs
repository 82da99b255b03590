namespace DistributedSockets.ClusterTests;

/// <summary>Two nodes of one cluster whose sessions can be resumed, and which compress for clients that agree to it.</summary>
public sealed class ResumingNodes(SharedCluster cluster) : IAsyncLifetime
{
    private TestNodeProcess[] _nodes = [];

    internal TestNodeProcess A => _nodes[0];

    internal TestNodeProcess B => _nodes[1];

    internal WsDriver Ws => cluster.Ws;

    public async ValueTask InitializeAsync()
    {
        var settings = new NodeSettings { Name = "a", Redis = cluster.Redis, IsPatient = true, Prefix = SharedCluster.Unique("resuming"), Log = true, Compression = true };
        _nodes = await TestNodeProcess.StartAsync(settings, settings with { Name = "b" });
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }
}
