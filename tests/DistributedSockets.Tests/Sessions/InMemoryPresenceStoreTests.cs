using DistributedSockets.Testing;
using Microsoft.Extensions.Options;

namespace DistributedSockets.Tests;

public sealed class InMemoryPresenceStoreTests : PresenceStoreConformanceTests
{
    private readonly InMemoryCluster _memory = new();

    protected override ISessionStore CreateStore(string cluster) =>
        new InMemorySessionStore(_memory, Options.Create(new DistributedWebSocketsClusterOptions { Prefix = cluster }));
}
