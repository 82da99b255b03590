using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Nodes and a Redis of their own, with a proxy in front of Redis for each node.</summary>
internal sealed class FaultCluster : IAsyncDisposable
{
    private readonly NodeSettings[] _settings;
    private readonly List<TestNodeProcess> _stopped = [];
    private readonly Dictionary<string, EventAnswer[]> _events = new(StringComparer.Ordinal);
    private volatile TestNodeProcess?[] _nodes;

    private FaultCluster(RespServer redis, FaultProxy[] proxies, NodeSettings[] settings)
    {
        (Redis, Proxies, _settings) = (redis, proxies, settings);
        _nodes = new TestNodeProcess?[settings.Length];
    }

    public RespServer Redis { get; }

    /// <summary>What stands between each node and Redis, in the order of the nodes.</summary>
    public IReadOnlyList<FaultProxy> Proxies { get; }

    /// <summary>The nodes that run.</summary>
    public IReadOnlyList<TestNodeProcess> Nodes => [.. _nodes.OfType<TestNodeProcess>()];

    /// <param name="nodes">How many nodes.</param>
    /// <param name="options">Options of the library.</param>
    /// <param name="connection">What the nodes' connection string to Redis says behind the address.</param>
    /// <param name="passwordFile">A file with the password to sign in with.</param>
    /// <param name="redis">A Redis with settings of its own, which becomes the cluster's.</param>
    /// <param name="log">Whether what is sent to users and groups is logged.</param>
    public static async Task<FaultCluster> StartAsync(
        int nodes = 2, IReadOnlyDictionary<string, string>? options = null, string connection = "", string? passwordFile = null, RespServer? redis = null, bool log = false)
    {
        redis?.SkipUnlessAvailable();
        var server = redis ?? new RedisFixture().Server;
        if (!server.IsRunning)
        {
            await server.StartAsync();
        }

        FaultProxy[] proxies = [.. Enumerable.Range(0, nodes).Select(_ => FaultProxy.Start(server.EndPoint))];
        var cluster = new FaultCluster(server, proxies, [.. proxies.Select((proxy, index) => new NodeSettings
        {
            Name = $"node{index}",
            Redis = proxy.EndPoint + connection,
            RedisPasswordFile = passwordFile,
            Log = log,
            Options = options ?? new Dictionary<string, string>(),
        })]);
        try
        {
            await Task.WhenAll(Enumerable.Range(0, nodes).Select(cluster.StartNodeAsync));
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public TestNodeProcess Node(int index) => _nodes[index] ?? throw new InvalidOperationException($"Node {index} does not run.");

    public async Task StartNodeAsync(int index)
    {
        var node = await TestNodeProcess.StartAsync(_settings[index]);
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

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Nodes.Concat(_stopped))
        {
            await node.DisposeAsync();
        }

        foreach (var proxy in Proxies)
        {
            await proxy.DisposeAsync();
        }

        await Redis.DisposeAsync();
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
