using CustomBackplane;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Options;

namespace DistributedSockets.Samples.Tests.CustomBackplane;

/// <summary>The same outages, with a server that is killed.</summary>
public sealed class PostgresServerLossTests(PostgresServer server) : BackplaneOutageConformanceTests, IClassFixture<PostgresServer>
{
    public override async ValueTask InitializeAsync()
    {
        server.SkipUnlessAvailable();
        if (!server.IsRunning)
        {
            await server.StartAsync(); // a test before this one failed while the server was away
        }

        await base.InitializeAsync();
    }

    protected override IBackplane CreateBackplane(string cluster) => new PostgresBackplane(
        Options.Create(new PostgresBackplaneOptions { ConnectionString = server.ConnectionString, OperationTimeout = TimeSpan.FromSeconds(30) }),
        Options.Create(new DistributedWebSocketsClusterOptions { Prefix = cluster }));

    protected override Task CutAsync() => server.KillAsync();

    protected override Task RestoreAsync() => server.StartAsync();
}
