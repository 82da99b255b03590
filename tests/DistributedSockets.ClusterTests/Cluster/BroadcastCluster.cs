namespace DistributedSockets.ClusterTests;

/// <summary>Two nodes that route by broadcast, on the Redis of <see cref="SharedCluster"/>.</summary>
public sealed class BroadcastCluster(SharedCluster shared) : NodePair, IAsyncLifetime
{
    private TestNodeProcess[] _nodes = [];

    internal override TestNodeProcess A => _nodes[0];

    internal override TestNodeProcess B => _nodes[1];

    internal override WsDriver Ws => shared.Ws;

    internal string Redis => shared.Redis;

    public async ValueTask InitializeAsync()
    {
        var settings = new NodeSettings { Name = "a", Redis = Redis, IsPatient = true, Prefix = SharedCluster.Unique("broadcast"), Routing = "broadcast" };
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
