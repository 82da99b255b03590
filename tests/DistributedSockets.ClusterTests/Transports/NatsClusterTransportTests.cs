using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Messages over a NATS cluster of three servers, each node over whichever it finds first, and sessions over Redis.</summary>
public sealed class NatsClusterTransportTests : TransportTests
{
    private readonly RedisFixture _redis = new();
    private NatsCluster? _servers;

    protected override async Task StartServersAsync()
    {
        _servers = await NatsCluster.StartAsync(3);
        await _redis.InitializeAsync();
    }

    protected override IReadOnlyList<string> NodeArguments() =>
        ["--nats", string.Join(',', _servers!.Servers.Select(static server => server.EndPoint)), "--redis", _redis.EndPoint];

    protected override Task CutAsync() => Task.WhenAll(_servers!.Servers.Select(static server => server.KillAsync()));

    protected override async Task RestoreAsync()
    {
        await Task.WhenAll(_servers!.Servers.Select(static server => server.StartAsync()));
        await _servers.WaitUntilCompleteAsync();
    }

    protected override async ValueTask DisposeServersAsync()
    {
        if (_servers is not null)
        {
            await _servers.DisposeAsync();
        }

        await _redis.DisposeAsync();
    }
}
