namespace DistributedSockets.ClusterTests;

/// <summary>Nodes of one cluster, each of which can be taken out and started again.</summary>
/// <param name="settings">How to start each.</param>
internal class FaultNodes(NodeSettings[] settings) : IAsyncDisposable
{
    private readonly List<TestNodeProcess> _stopped = [];
    private readonly Dictionary<string, EventAnswer[]> _events = new(StringComparer.Ordinal);
    private volatile TestNodeProcess?[] _nodes = new TestNodeProcess?[settings.Length];

    /// <summary>The nodes that run.</summary>
    public IReadOnlyList<TestNodeProcess> Nodes => [.. _nodes.OfType<TestNodeProcess>()];

    /// <summary>Starts all nodes.</summary>
    public Task StartNodesAsync() => Task.WhenAll(Enumerable.Range(0, settings.Length).Select(StartNodeAsync));

    public TestNodeProcess Node(int index) => _nodes[index] ?? throw new InvalidOperationException($"Node {index} does not run.");

    public async Task StartNodeAsync(int index)
    {
        var node = await TestNodeProcess.StartAsync(settings[index]);
        Set(index, node);
    }

    /// <summary>Takes a node out of those that clients connect to, for a test that stops it.</summary>
    public TestNodeProcess TakeOut(int index)
    {
        var node = Node(index);
        Set(index, null);
        _stopped.Add(node);
        return node;
    }

    public Task KillNodeAsync(int index) => TakeOut(index).KillAsync();

    public Task<HistoryLoad> LoadAsync(HistoryLoadSettings settings) => HistoryLoad.StartAsync(settings, () => Nodes);

    /// <summary>Waits until each node that runs says it is healthy.</summary>
    public async Task UntilHealthyAsync()
    {
        foreach (var node in Nodes)
        {
            await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Healthy", $"node {node.Settings.Name} is healthy");
        }
    }

    /// <summary>Waits until each node that runs says that it is degraded.</summary>
    public async Task UntilDegradedAsync()
    {
        foreach (var node in Nodes)
        {
            await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Degraded", $"node {node.Settings.Name} is degraded");
        }
    }

    /// <summary>Waits until each node finds exactly the sessions of the load's open connections: none missing, no ghosts.</summary>
    public async Task UntilSessionsAreThoseOfAsync(HistoryLoad load)
    {
        foreach (var node in Nodes)
        {
            await Guard.UntilAsync(
                () => DifferenceAsync(node),
                static difference => difference.Length == 0,
                $"the sessions that node {node.Settings.Name} finds are the open connections");
        }

        async Task<string> DifferenceAsync(TestNodeProcess node)
        {
            string[] found = [.. (await node.SessionsAsync()).Select(static session => session.ConnectionId)];
            var open = load.OpenIds;
            return string.Join(", ", found.Except(open).Select(static id => $"ghost {id}").Concat(open.Except(found).Select(static id => $"missing {id}")));
        }
    }

    /// <summary>Asks the nodes what they reported; to be called before a node stops whose reports matter.</summary>
    public async Task CollectEventsAsync()
    {
        foreach (var node in Nodes)
        {
            _events[node.NodeId] = await node.EventsAsync();
        }
    }

    /// <summary>The sessions that the nodes reported as lost with their node, each as often as it was reported.</summary>
    public Task<List<string>> LostSessionsAsync() => SessionsOfAsync("node_lost");

    /// <summary>The sessions that the nodes reported as started, each as often as it was reported.</summary>
    public Task<List<string>> StartedSessionsAsync() => SessionsOfAsync(null);

    public virtual async ValueTask DisposeAsync()
    {
        foreach (var node in Nodes.Concat(_stopped))
        {
            await node.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    private async Task<List<string>> SessionsOfAsync(string? cause)
    {
        await CollectEventsAsync();
        return [.. _events.Values.SelectMany(static events => events)
            .Where(happened => cause is null ? happened.Event == "session_started" : happened.Cause == cause)
            .Select(static happened => happened.ConnectionId!)]; // a session has one
    }

    private void Set(int index, TestNodeProcess? node)
    {
        lock (_stopped)
        {
            var nodes = (TestNodeProcess?[])_nodes.Clone();
            nodes[index] = node;
            _nodes = nodes;
        }
    }
}
