// snippet: extending-outage-suite
using DistributedSockets;
using DistributedSockets.Testing;

namespace CustomBackplane.Tests;

public sealed class PostgresOutageTests : BackplaneOutageConformanceTests
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

    protected override Task CutAsync() => _database.CutAsync();

    protected override Task RestoreAsync() => _database.RestoreAsync();
}
// end-snippet
