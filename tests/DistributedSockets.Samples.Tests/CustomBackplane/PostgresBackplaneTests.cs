// snippet: extending-suite
using DistributedSockets;
using DistributedSockets.Testing;

namespace CustomBackplane.Tests;

public sealed class PostgresBackplaneTests : BackplaneConformanceTests
{
    private readonly TestDatabase _database = new();

    public override async ValueTask InitializeAsync()
    {
        await _database.CreateAsync();
        await base.InitializeAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _database.DisposeAsync();
    }

    protected override IBackplane CreateBackplane(string cluster) => _database.CreateBackplane(cluster);
}
// end-snippet
