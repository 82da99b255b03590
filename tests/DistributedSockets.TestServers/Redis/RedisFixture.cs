namespace DistributedSockets.TestServers;

/// <summary>A server that speaks the Redis protocol: <c>redis-server</c> where it is installed, else Garnet.</summary>
/// <remarks>The environment variable <c>TEST_REDIS_SERVER</c> set to <c>garnet</c> prefers Garnet.</remarks>
public sealed class RedisFixture : IAsyncLifetime
{
    /// <summary>The server, started by <see cref="InitializeAsync"/>.</summary>
    public RespServer Server { get; } =
        RedisServer.IsInstalled && Environment.GetEnvironmentVariable("TEST_REDIS_SERVER") != "garnet" ? new RedisServer() : new GarnetServer();

    /// <summary><c>127.0.0.1:port</c>.</summary>
    public string EndPoint => Server.EndPoint;

    /// <inheritdoc/>
    public ValueTask InitializeAsync() => Server.InitializeAsync();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Server.DisposeAsync();
}
