using DistributedSockets.Testing;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Nats.Tests.Tickets;

public sealed class NatsConnectionTicketStoreTests(JetStreamFixture jetStream) : ConnectionTicketStoreConformanceTests
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public override ValueTask InitializeAsync()
    {
        jetStream.Server.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    [Fact]
    public async Task Ticket_ItsTimeIsOver_IsNone()
    {
        var (store, first, second) = (NewStore(NewCluster()), NewKey(), NewKey());
        await store.AddAsync(first, new byte[] { 1 }, TimeSpan.FromSeconds(30), Cancellation).WithinGuardAsync();
        await store.AddAsync(second, new byte[] { 2 }, TimeSpan.FromSeconds(31), Cancellation).WithinGuardAsync();

        _time.Advance(TimeSpan.FromSeconds(30));

        Assert.Null(await store.TakeAsync(first, Cancellation).WithinGuardAsync());
        Assert.Equal([2], await store.TakeAsync(second, Cancellation).WithinGuardAsync());
    }

    protected override IConnectionTicketStore CreateStore(string cluster) => new NatsConnectionTicketStore(
        Options.Create(new NatsSessionStoreOptions { Url = jetStream.Server.Url, OperationTimeout = TimeSpan.FromSeconds(10) }),
        Options.Create(new DistributedWebSocketsClusterOptions { Prefix = cluster }),
        _time);
}
