// snippet: extending-suite
using DistributedSockets;
using DistributedSockets.Testing;
using Xunit;

namespace CustomBackplane.Tests;

public sealed class PostgresBackplaneTests(TestDatabase database) : BackplaneConformanceTests, IClassFixture<TestDatabase>
{
    protected override IBackplane CreateBackplane(string cluster) => database.CreateBackplane(cluster);
}
// end-snippet
