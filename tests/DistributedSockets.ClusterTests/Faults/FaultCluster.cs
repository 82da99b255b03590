using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Nodes and a Redis of their own, with a proxy in front of Redis for each node.</summary>
internal sealed class FaultCluster : FaultNodes
{
    private FaultCluster(RespServer redis, FaultProxy[] proxies, NodeSettings[] settings)
        : base(settings) => (Redis, Proxies) = (redis, proxies);

    public RespServer Redis { get; }

    /// <summary>What stands between each node and Redis, in the order of the nodes.</summary>
    public IReadOnlyList<FaultProxy> Proxies { get; }

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
            await cluster.StartNodesAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        foreach (var proxy in Proxies)
        {
            await proxy.DisposeAsync();
        }

        await Redis.DisposeAsync();
    }
}
