using DistributedSockets.TestServers;

namespace DistributedSockets.Nats.Tests.Hosts;

/// <summary>The server of the tests itself: a test whose configuration was not taken would look for the fault in the library.</summary>
public sealed class NatsReloadTests
{
    [Fact]
    public async Task Reload_ConfigurationThatTheServerRefuses_ThrowsWithItsReason_AndOneThatItTakesDoesNot()
    {
        await using var server = new NatsServer { Configuration = "max_payload: 1000000" };
        server.SkipUnlessAvailable();
        await server.StartAsync();

        server.Configuration = "max_payload: nonsense";
        var refused = await Assert.ThrowsAsync<TestServerException>(server.ReloadAsync);
        server.Configuration = "max_payload: 2000000";
        await server.ReloadAsync();

        Assert.Contains("nats.conf", refused.Message);
        Assert.Contains("\"max_payload\":2000000", await server.ReadInfoAsync());
    }
}
