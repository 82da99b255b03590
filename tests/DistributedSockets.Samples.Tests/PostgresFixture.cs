using DistributedSockets.TestServers;

[assembly: AssemblyFixture(typeof(DistributedSockets.Samples.Tests.PostgresFixture))]

namespace DistributedSockets.Samples.Tests;

/// <summary>One PostgreSQL server for all tests, named by <c>POSTGRES</c> as <c>docs/extending.md</c> says. Without one they are skipped.</summary>
public sealed class PostgresFixture : IAsyncLifetime
{
    private readonly PostgresServer _server = new();

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        if (_server.IsAvailable)
        {
            await _server.StartAsync();
            Environment.SetEnvironmentVariable("POSTGRES", _server.ConnectionString);
        }
        else if (Environment.GetEnvironmentVariable("CI") == "true")
        {
            throw new TestServerException("PostgreSQL is not installed on this machine.");
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
