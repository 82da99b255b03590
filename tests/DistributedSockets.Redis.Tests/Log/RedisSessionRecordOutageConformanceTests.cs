using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Log;

/// <summary>Nodes reach the server through a link that is cut; the server is killed, and comes back with what it had or empty.</summary>
public sealed class RedisSessionRecordOutageConformanceTests : SessionRecordStoreOutageConformanceTests
{
    private readonly CuttableLink _link = new();
    private readonly RedisServer _server = new() { KeepsData = true, ExtraArguments = { "--appendonly", "yes", "--appendfsync", "no" } }; // a killed process loses nothing by that

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

    protected override IMessageLog CreateLog(string cluster) => RedisFactory.MessageLog($"127.0.0.1:{_link.Port},connectTimeout=1000", cluster);

    protected override IMessageLog CreateDirectLog(string cluster) => RedisFactory.MessageLog($"{_server.EndPoint},connectTimeout=1000", cluster);

    protected override Task CutAsync() => _link.CutAsync();

    protected override Task RestoreAsync()
    {
        _link.Restore(_server.Port);
        return Task.CompletedTask;
    }

    protected override async Task RestartServerAsync(bool keepsData)
    {
        if (!keepsData)
        {
            Assert.StartsWith("+OK", await _server.CommandAsync("FLUSHALL"), StringComparison.Ordinal);
        }

        await _server.KillAsync();
        await _server.StartAsync();
    }
}
