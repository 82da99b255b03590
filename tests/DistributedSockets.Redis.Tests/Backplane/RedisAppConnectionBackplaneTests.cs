using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Backplane;

/// <summary>Over connections that the app owns: what a node leaves behind there would go on, as the connection does.</summary>
public sealed class RedisAppConnectionBackplaneTests(RedisServer server) : BackplaneConformanceTests
{
    private readonly List<ConnectionMultiplexer> _connections = [];

    public override ValueTask InitializeAsync()
    {
        server.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        foreach (var connection in _connections)
        {
            await connection.DisposeAsync();
        }
    }

    protected override IBackplane CreateBackplane(string cluster)
    {
        // One for each, as Redis counts connections.
        var connection = ConnectionMultiplexer.Connect(server.EndPoint);
        _connections.Add(connection);
        return new RedisBackplane(
            Options.Create(new RedisBackplaneOptions { ConnectionMultiplexer = connection, OperationTimeout = TimeSpan.FromSeconds(10) }),
            Options.Create(new DistributedWebSocketsClusterOptions { Prefix = cluster }),
            TimeProvider.System);
    }
}
