using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Clusters;

/// <summary>A Redis Cluster whose nodes announce a link that can be cut, so that it can be away from clients without coming to harm itself.</summary>
public sealed class LinkedCluster : IAsyncLifetime
{
    private readonly CuttableLink[] _links;

    public LinkedCluster()
    {
        Cluster = new() { WhenStarted = Open }; // replicas reach their primaries by the links too
        _links = [.. Cluster.Nodes.Select(static _ => new CuttableLink())];
        foreach (var (node, link) in Cluster.Nodes.Zip(_links))
        {
            node.ExtraArguments.Add("--cluster-announce-port");
            node.ExtraArguments.Add($"{link.Port}");
        }
    }

    public RedisCluster Cluster { get; }

    /// <summary>All links.</summary>
    public string ConnectionString => string.Join(',', _links.Select(static link => $"127.0.0.1:{link.Port}"));

    public ValueTask InitializeAsync() => Cluster.InitializeAsync();

    public Task CutAsync() => Task.WhenAll(_links.Select(static link => link.CutAsync()));

    public void Restore()
    {
        foreach (var (node, link) in Cluster.Nodes.Zip(_links))
        {
            link.Restore(node.Port);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await CutAsync();
        await Cluster.DisposeAsync();
    }

    private void Open()
    {
        foreach (var (node, link) in Cluster.Nodes.Zip(_links))
        {
            link.Open(node.Port);
        }
    }
}
