using DistributedSockets.TestServers;

namespace DistributedSockets.Nats.Tests;

/// <summary>A server with JetStream.</summary>
public sealed class JetStreamFixture : IAsyncLifetime
{
    public NatsServer Server { get; } = new() { HasJetStream = true };

    public ValueTask InitializeAsync() => Server.InitializeAsync();

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}
