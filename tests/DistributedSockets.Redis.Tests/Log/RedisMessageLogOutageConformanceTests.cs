using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Log;

/// <summary>Nodes reach the server through a link that is cut; the server is killed, and comes back with what it had or empty.</summary>
/// <remarks>Garnet cannot take part: started with <c>--aof --aof-commit-wait</c>, so that it keeps what it answered, it closes the log's connections.</remarks>
public abstract class RedisMessageLogOutageConformanceTests(string protocol) : MessageLogOutageConformanceTests
{
    private readonly CuttableLink _link = new();
    private RedisServer? _server;

    private RedisServer Server => _server ?? throw new InvalidOperationException("The server has not been started.");

    public override async ValueTask InitializeAsync()
    {
        _server = new RedisServer { KeepsData = true, ExtraArguments = { "--appendonly", "yes", "--appendfsync", "no" } }; // a killed process loses nothing by that
        _server.SkipUnlessAvailable();
        await _server.StartAsync();
        _link.Open(_server.Port);
    }

    public override async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await base.DisposeAsync();
        await _link.DisposeAsync();
        if (_server is { } server)
        {
            await server.DisposeAsync();
        }
    }

    protected override IMessageLog CreateLog(string cluster) =>
        RedisFactory.MessageLog($"127.0.0.1:{_link.Port},connectTimeout=1000,protocol={protocol}", cluster);

    protected override IMessageLog CreateDirectLog(string cluster) => RedisFactory.MessageLog($"{Server.EndPoint},connectTimeout=1000,protocol={protocol}", cluster);

    protected override Task CutAsync() => _link.CutAsync();

    protected override Task RestoreAsync()
    {
        _link.Restore(Server.Port);
        return Task.CompletedTask;
    }

    protected override async Task RestartServerAsync(bool keepsData)
    {
        if (!keepsData)
        {
            Assert.StartsWith("+OK", await Server.CommandAsync("FLUSHALL"), StringComparison.Ordinal);
        }

        await Server.KillAsync();
        await Server.StartAsync();
    }
}

public sealed class RedisResp3MessageLogOutageTests() : RedisMessageLogOutageConformanceTests("resp3");

public sealed class RedisResp2MessageLogOutageTests() : RedisMessageLogOutageConformanceTests("resp2");
