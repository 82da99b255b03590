using DistributedSockets.Benchmarks.Load;
using DistributedSockets.TestServers;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>The running nodes of one peer, the Redis they share, and the client that loads them.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    private readonly RedisServer _redis;

    private Cluster(Peer peer, RedisServer redis, IReadOnlyList<ServerNode> nodes, bool compressed)
    {
        Peer = peer;
        _redis = redis;
        Nodes = nodes;
        Client = new(peer.Dialect, [.. nodes.Select(static node => node.EndPoint)], compressed);
    }

    public Peer Peer { get; }

    public IReadOnlyList<ServerNode> Nodes { get; }

    public LoadClient Client { get; }

    public double RedisCpuSeconds => ProcessUsage.CpuSeconds(_redis.ProcessId);

    /// <summary>Starts nodes on an empty Redis.</summary>
    public static async Task<Cluster> StartAsync(Peer peer, RedisServer redis, int nodes, bool compressed = false)
    {
        await redis.CommandAsync("FLUSHALL");
        var started = new List<ServerNode>();
        try
        {
            for (var i = 0; i < nodes; i++)
            {
                started.Add(await ServerNode.StartAsync(peer, i, redis.EndPoint, compressed));
            }

            return new(peer, redis, started, compressed);
        }
        catch
        {
            foreach (var node in started)
            {
                await node.DisposeAsync();
            }

            throw;
        }
    }

    /// <summary>Connects, the nodes in turns.</summary>
    /// <param name="count">How many connections.</param>
    /// <param name="user">The user of a connection by its number.</param>
    /// <param name="groups">The groups of a connection by its number.</param>
    public void Connect(int count, Func<int, string?>? user = null, Func<int, IReadOnlyList<string>>? groups = null) =>
        Client.Connect(count, i => (i % Nodes.Count, user?.Invoke(i), groups?.Invoke(i) ?? []));

    /// <summary>Who has to send a broadcast for everyone to get it: one connection, or one on each node if the nodes do not reach each other.</summary>
    /// <param name="number">The number of the connection, or one of its kind on its node.</param>
    public IReadOnlyList<LoadConnection> Broadcasters(int number) => Peer.IsDistributed
        ? [Client.Connections[number]]
        : [.. Enumerable.Range(0, Nodes.Count).Select(node => Client.Connections[number - (number % Nodes.Count) + node])];

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        foreach (var node in Nodes)
        {
            await node.DisposeAsync();
        }
    }
}
