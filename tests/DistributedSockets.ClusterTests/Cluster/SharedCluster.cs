using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>What most tests need and none of them harms: a Redis, two nodes and a <c>ws</c> driver, started once.</summary>
public sealed class SharedCluster : NodePair, IAsyncLifetime
{
    private readonly RedisFixture _redis = new();
    private TestNodeProcess[] _nodes = [];
    private WsDriver? _driver;
    private string _driverMissing = "";

    /// <summary>Where Redis is.</summary>
    internal string Redis => _redis.EndPoint;

    /// <summary>Redis itself, to be asked only.</summary>
    internal RespServer RedisServer => _redis.Server;

    internal override TestNodeProcess A => _nodes[0];

    internal override TestNodeProcess B => _nodes[1];

    internal override WsDriver Ws
    {
        get
        {
            if (_driver is null && Environment.GetEnvironmentVariable("CI") != "true")
            {
                Assert.Skip(_driverMissing);
            }

            return _driver ?? throw new InvalidOperationException(_driverMissing);
        }
    }

    public async ValueTask InitializeAsync()
    {
        await _redis.InitializeAsync();
        _nodes = await TestNodeProcess.StartAsync(
            new NodeSettings { Name = "a", Redis = Redis, IsPatient = true },
            new NodeSettings { Name = "b", Redis = Redis, IsPatient = true });
        try
        {
            _driver = await WsDriver.StartAsync();
        }
        catch (InvalidOperationException exception)
        {
            _driverMissing = $"The ws client needs Node.js and npm: {exception.Message}";
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_driver is not null)
        {
            await _driver.DisposeAsync();
        }

        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        await _redis.DisposeAsync();
    }

    /// <summary>A name that no other test uses.</summary>
    internal static string Unique(string name) => $"{name}-{Guid.NewGuid():N}"[..(name.Length + 9)];
}
