namespace DistributedSockets.Testing;

/// <summary>What the suites of backplanes share: nodes that are made here are disposed here.</summary>
public abstract class BackplaneSuite : IAsyncLifetime
{
    private readonly List<BackplaneNode> _nodes = [];

    /// <summary>The cluster that this test has for itself: the prefix of its channels.</summary>
    protected string Cluster { get; } = $"conformance-{Guid.NewGuid():N}";

    /// <summary>A channel that no other test uses.</summary>
    protected string Channel => $"{Cluster}:v1:default:all";

    /// <summary>Creates the backplane of one more node. The suite starts and disposes it.</summary>
    /// <param name="cluster">
    /// The node's cluster, to be its <see cref="DistributedWebSocketsClusterOptions.Prefix"/>: letters, digits and hyphens. Backplanes of
    /// equal clusters must hear each other.
    /// </param>
    protected abstract IBackplane CreateBackplane(string cluster);

    /// <inheritdoc/>
    public virtual ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public virtual async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync().WithinGuardAsync();
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>Creates and starts one more node, and disposes it after the test.</summary>
    /// <param name="cluster">Its cluster; this test's own unless given.</param>
    protected async Task<BackplaneNode> StartNodeAsync(string? cluster = null)
    {
        var node = await BackplaneNode.StartAsync(CreateBackplane(cluster ?? Cluster));
        _nodes.Add(node);
        return node;
    }
}
