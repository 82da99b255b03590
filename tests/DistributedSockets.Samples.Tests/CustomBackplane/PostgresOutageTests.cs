// snippet: extending-outage-suite
using DistributedSockets;
using DistributedSockets.Testing;
using Xunit;

namespace CustomBackplane.Tests;

public sealed class PostgresOutageTests(TestDatabase database) : BackplaneOutageConformanceTests, IClassFixture<TestDatabase>
{
    public override async ValueTask InitializeAsync()
    {
        await database.RestoreAsync();          // the test before this one may have ended without it
        await base.InitializeAsync();
    }

    protected override IBackplane CreateBackplane(string cluster) => database.CreateBackplane(cluster);

    protected override Task CutAsync() => database.CutAsync();

    protected override Task RestoreAsync() => database.RestoreAsync();
}
// end-snippet
