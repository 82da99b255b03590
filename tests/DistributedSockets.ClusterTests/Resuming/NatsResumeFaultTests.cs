using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Over JetStream on one server, which has its data again when it is back.</summary>
public sealed class NatsResumeFaultTests : ResumeFaultSuite
{
    private readonly NatsServer _server = new() { HasJetStream = true };

    protected override int Seed => 311;

    protected override async Task StartServersAsync()
    {
        _server.SkipUnlessAvailable();
        await _server.StartAsync();
    }

    protected override IReadOnlyList<string> NodeArguments() => ["--nats", _server.EndPoint];

    private protected override async Task KillServerAsync(HistoryLoad load)
    {
        await _server.KillAsync();
        await UntilDegradedAsync();
        await _server.StartAsync();
    }

    protected override ValueTask DisposeServersAsync() => _server.DisposeAsync();
}
