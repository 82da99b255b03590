using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Nats.Tests.Log;

/// <summary>A server of their own behind a link that is cut; a restart kills it, so that it has what its files hold.</summary>
public sealed class NatsSessionRecordOutageConformanceTests : SessionRecordStoreOutageConformanceTests
{
    private readonly NatsServer _server = new() { HasJetStream = true };
    private readonly CuttableLink _link = new();

    public override async ValueTask InitializeAsync()
    {
        _server.SkipUnlessAvailable();
        await _server.StartAsync();
        _link.Open(_server.Port);
        await base.InitializeAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _link.DisposeAsync();
        await _server.DisposeAsync();
    }

    protected override IMessageLog CreateLog(string cluster) => CreateLog($"nats://127.0.0.1:{_link.Port}", cluster);

    protected override IMessageLog CreateDirectLog(string cluster) => CreateLog(_server.Url, cluster);

    protected override Task CutAsync() => _link.CutAsync();

    protected override Task RestoreAsync()
    {
        _link.Restore(_server.Port);
        return Task.CompletedTask;
    }

    protected override async Task RestartServerAsync(bool keepsData)
    {
        await _server.KillAsync();
        if (!keepsData)
        {
            Directory.Delete(_server.DataDirectory, recursive: true);
        }

        await _server.StartAsync();
    }

    private static NatsMessageLog CreateLog(string url, string cluster) =>
        NatsFactory.MessageLog(url, cluster, static options => options.OperationTimeout = TimeSpan.FromSeconds(3));
}
