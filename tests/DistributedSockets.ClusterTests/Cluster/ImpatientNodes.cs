namespace DistributedSockets.ClusterTests;

/// <summary>Nodes of one each that have little patience with their clients.</summary>
public sealed class ImpatientNodes : IAsyncLifetime
{
    private TestNodeProcess[] _nodes = [];

    /// <summary>Waits a second for messages, for answers to close frames and for the headers of requests, and does not ping.</summary>
    internal TestNodeProcess Messages => _nodes[0];

    /// <summary>Pings after a second, and waits three for the answer.</summary>
    internal TestNodeProcess Pings => _nodes[1];

    public async ValueTask InitializeAsync() => _nodes = await TestNodeProcess.StartAsync(
        new NodeSettings
        {
            Name = "messages",
            HeadersTimeout = 1,
            Options = new Dictionary<string, string> { ["MessageTimeout"] = "00:00:01", ["CloseTimeout"] = "00:00:01", ["KeepAliveInterval"] = "01:00:00" },
        },
        new NodeSettings
        {
            Name = "pings",
            Options = new Dictionary<string, string> { ["KeepAliveInterval"] = "00:00:01", ["KeepAliveTimeout"] = "00:00:03" },
        });

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }
}
