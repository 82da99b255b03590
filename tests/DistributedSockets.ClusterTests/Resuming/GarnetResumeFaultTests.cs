using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Over Garnet, which has lost everything when it is back.</summary>
public sealed class GarnetResumeFaultTests : ResumeFaultSuite
{
    private readonly GarnetServer _server = new();

    protected override int Seed => 315;

    protected override bool LosesEntries => true;

    protected override async Task StartServersAsync() => await _server.StartAsync();

    protected override IReadOnlyList<string> NodeArguments() => ["--redis", _server.EndPoint];

    private protected override async Task KillServerAsync(HistoryLoad load)
    {
        await _server.KillAsync();
        await UntilDegradedAsync();
        await _server.StartAsync();
    }

    protected override ValueTask DisposeServersAsync() => _server.DisposeAsync();
}
