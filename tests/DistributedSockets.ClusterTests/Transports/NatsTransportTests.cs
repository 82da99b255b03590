using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Over one NATS server, messages and sessions.</summary>
public sealed class NatsTransportTests : TransportTests
{
    private readonly NatsServer _server = new() { HasJetStream = true };

    protected override async Task StartServersAsync()
    {
        _server.SkipUnlessAvailable();
        await _server.StartAsync();
    }

    protected override IReadOnlyList<string> NodeArguments() => ["--nats", _server.EndPoint];

    protected override Task CutAsync() => _server.KillAsync();

    protected override Task RestoreAsync() => _server.StartAsync();

    protected override ValueTask DisposeServersAsync() => _server.DisposeAsync();
}
