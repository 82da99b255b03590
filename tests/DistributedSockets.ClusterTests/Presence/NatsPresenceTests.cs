using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Presence over NATS with JetStream, which is killed and comes back empty.</summary>
public sealed class NatsPresenceTests : PresenceSuite
{
    private readonly NatsServer _server = new() { HasJetStream = true };

    private protected override async Task StartServersAsync()
    {
        _server.SkipUnlessAvailable();
        await _server.StartAsync();
    }

    private protected override IReadOnlyList<string> NodeArguments() => ["--nats", _server.EndPoint];

    private protected override async Task LoseDataAsync()
    {
        await _server.KillAsync();
        await _server.StartAsync();
    }

    private protected override ValueTask DisposeServersAsync() => _server.DisposeAsync();
}
