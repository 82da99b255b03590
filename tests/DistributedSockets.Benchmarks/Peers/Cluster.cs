using System.Net;
using DistributedSockets.Benchmarks.Load;
using DistributedSockets.TestServers;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>The running nodes of one peer, the Redis they share, and the client that loads them.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    private readonly RedisServer _redis;
    private readonly bool _compressed;

    private Cluster(Peer peer, RedisServer redis, IReadOnlyList<ServerNode> nodes, ClientKind client, bool compressed)
    {
        Peer = peer;
        _redis = redis;
        _compressed = compressed;
        Nodes = nodes;
        Load = NewClient(client);
    }

    public Peer Peer { get; }

    public IReadOnlyList<ServerNode> Nodes { get; }

    /// <summary>What loads the nodes.</summary>
    public ILoadClient Load { get; private set; }

    /// <summary>The same, for what only the client in this process can do.</summary>
    public LoadClient Client => (LoadClient)Load;

    public double RedisCpuSeconds => ProcessUsage.CpuSeconds(_redis.ProcessId);

    /// <summary>Starts nodes on an empty Redis.</summary>
    public static async Task<Cluster> StartAsync(Peer peer, RedisServer redis, int nodes, ClientKind client = ClientKind.CSharp, bool compressed = false, bool logged = false)
    {
        await redis.CommandAsync("FLUSHALL");
        Task<ServerNode>[] starting = [.. Enumerable.Range(0, nodes).Select(number => ServerNode.StartAsync(peer, number, redis.EndPoint, compressed, logged))];
        try
        {
            return new(peer, redis, await Task.WhenAll(starting), client, compressed);
        }
        catch
        {
            await StopAsync(starting.Where(static node => node.IsCompletedSuccessfully).Select(static node => node.Result));
            throw;
        }
    }

    /// <summary>Ends all connections, and goes on with another client.</summary>
    public void ReplaceClient(ClientKind client)
    {
        Load.Dispose();
        Load = NewClient(client);
    }

    /// <summary>Connects, the nodes in turns.</summary>
    /// <param name="count">How many connections.</param>
    /// <param name="user">The user of a connection by its number.</param>
    /// <param name="groups">The groups of a connection by its number.</param>
    public void Connect(int count, Func<int, string?>? user = null, Func<int, IReadOnlyList<string>>? groups = null) =>
        Load.Connect(count, i => (i % Nodes.Count, user?.Invoke(i), groups?.Invoke(i) ?? []));

    /// <summary>Sends and receives until a condition holds.</summary>
    /// <exception cref="TimeoutException">It does not hold in time.</exception>
    public void RunUntil(Func<bool> done, TimeSpan guard, string what)
    {
        if (!Load.TryRun(done, guard))
        {
            throw new TimeoutException($"After {guard.TotalSeconds} s {what}.");
        }
    }

    /// <summary>Who has to send a broadcast for everyone to get it: one connection, or one on each node if the nodes do not reach each other.</summary>
    /// <param name="number">The number of the connection, or one of its kind on its node.</param>
    public IReadOnlyList<LoadConnection> Broadcasters(int number) => Peer.IsDistributed
        ? [Load.Connections[number]]
        : [.. Enumerable.Range(0, Nodes.Count).Select(node => Load.Connections[number - (number % Nodes.Count) + node])];

    public async ValueTask DisposeAsync()
    {
        Load.Dispose();
        await StopAsync(Nodes);
    }

    private static Task StopAsync(IEnumerable<ServerNode> nodes) => Task.WhenAll(nodes.Select(static node => node.DisposeAsync().AsTask()));

    private ILoadClient NewClient(ClientKind client)
    {
        IReadOnlyList<IPEndPoint> servers = [.. Nodes.Select(static node => node.EndPoint)];
        return client == ClientKind.C ? new NativeLoadClient(Peer.Dialect, servers) : new LoadClient(Peer.Dialect, servers, _compressed);
    }
}
