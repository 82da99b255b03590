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
        lock (_nodes)
        {
            _nodes.Add(node);
        }

        return node;
    }

    /// <summary>Returns when what a node has published so far on channels that another does not hear has passed that other node by.</summary>
    /// <param name="publisher">The node that has published.</param>
    /// <param name="subscriber">The node that must not hear it, and may subscribe afterwards.</param>
    /// <remarks>
    /// Across channels there is no order; but a backplane that filters at the node has one stream for all channels, and one that filters
    /// in the transport has sent nothing that could be late.
    /// </remarks>
    protected async Task PassByAsync(BackplaneNode publisher, BackplaneNode subscriber)
    {
        var channel = $"{Cluster}:v1:fence:{Guid.NewGuid():N}";
        await subscriber.SubscribeAsync(channel);
        await publisher.PublishAsync(channel, "fence");
        await subscriber.Received.WaitForAsync(channel, 1);
        await subscriber.UnsubscribeAsync(channel);
    }

    /// <summary>Returns after so much traffic between other nodes that a disposed one would have heard what it must not hear.</summary>
    /// <param name="publisher">A node that publishes.</param>
    /// <param name="subscriber">A node that hears it.</param>
    /// <remarks>The silence of a node that can subscribe to nothing any more cannot be proven; this makes it likely.</remarks>
    protected async Task PassByDisposedAsync(BackplaneNode publisher, BackplaneNode subscriber)
    {
        for (var i = 0; i < 30; i++)
        {
            await PassByAsync(publisher, subscriber);
        }
    }
}
