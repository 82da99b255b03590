using DistributedSockets.Testing;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

public sealed class InMemorySessionRecordTests : SessionRecordStoreConformanceTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly InMemoryCluster _memory;

    public InMemorySessionRecordTests() => _memory = new(_time);

    [Fact]
    public void Records_NobodyWritesAnyMore_AreForgottenAsOthersCome()
    {
        var (records, retention) = (new InMemoryRecords(_time), Hub.Retention);
        for (var i = 0; i < 10_000; i++)
        {
            Assert.True(records.Swap($"s.{i}", 0, new() { Version = 1, Value = default }, retention).IsDone);
            _time.Advance(retention.MaxAge / 100);
        }

        Assert.InRange(records.Count, 100, 1_000);
    }

    protected override IMessageLog CreateLog(string cluster) =>
        new InMemoryMessageLog(_memory, Options.Create(new DistributedWebSocketsClusterOptions { Prefix = cluster }));

    protected override Task PassAsync(TimeSpan time)
    {
        _time.Advance(time);
        return Task.CompletedTask;
    }
}
