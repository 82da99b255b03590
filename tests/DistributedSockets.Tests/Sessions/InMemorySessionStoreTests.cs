using DistributedSockets.Testing;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

public sealed class InMemorySessionStoreTests : SessionStoreConformanceTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly InMemoryCluster _memory;

    public InMemorySessionStoreTests() => _memory = new(_time);

    protected override ISessionStore CreateStore(string cluster) =>
        new InMemorySessionStore(_memory, Options.Create(new DistributedWebSocketsClusterOptions { Prefix = cluster }));

    protected override Task ExpireLeaseAsync(ISessionStore store, string nodeId)
    {
        _time.Advance(ShortLease);
        return base.ExpireLeaseAsync(store, nodeId);
    }
}
