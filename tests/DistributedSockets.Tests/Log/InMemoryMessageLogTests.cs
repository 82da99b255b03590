using DistributedSockets.Testing;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

public sealed class InMemoryMessageLogTests : MessageLogConformanceTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly InMemoryCluster _memory;

    public InMemoryMessageLogTests() => _memory = new(_time);

    protected override DateTimeOffset Now => _time.GetUtcNow();

    protected override IMessageLog CreateLog(string cluster) =>
        new InMemoryMessageLog(_memory, Options.Create(new DistributedWebSocketsClusterOptions { Prefix = cluster }));

    protected override Task PassAsync(TimeSpan time)
    {
        _time.Advance(time);
        return Task.CompletedTask;
    }
}
