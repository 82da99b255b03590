using DistributedSockets.Testing;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

public sealed class InMemoryConnectionTicketStoreTests : ConnectionTicketStoreConformanceTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly InMemoryCluster _memory;

    public InMemoryConnectionTicketStoreTests() => _memory = new(_time);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ticket_ItsTimeIsOver_IsNone()
    {
        var (store, first, second) = (NewStore("c"), NewKey(), NewKey());
        await store.AddAsync(first, new byte[] { 1 }, TimeSpan.FromSeconds(30), Cancellation);
        await store.AddAsync(second, new byte[] { 2 }, TimeSpan.FromSeconds(31), Cancellation);

        _time.Advance(TimeSpan.FromSeconds(30));

        Assert.Null(await store.TakeAsync(first, Cancellation));
        Assert.Equal([2], await store.TakeAsync(second, Cancellation));
    }

    [Fact]
    public async Task Tickets_NeverUsed_AreForgottenAndBounded()
    {
        var store = NewStore("c");
        for (var i = 0; i < 100_000; i++)
        {
            await store.AddAsync($"{i}", new byte[] { 1 }, TimeSpan.FromSeconds(30), Cancellation);
        }

        await Assert.ThrowsAsync<SessionStoreUnavailableException>(async () => await store.AddAsync("one more", new byte[] { 1 }, TimeSpan.FromSeconds(30), Cancellation));
        _time.Advance(TimeSpan.FromSeconds(30));

        await store.AddAsync("one more", new byte[] { 1 }, TimeSpan.FromSeconds(30), Cancellation);
    }

    protected override IConnectionTicketStore CreateStore(string cluster) =>
        new InMemoryConnectionTicketStore(_memory, Options.Create(new DistributedWebSocketsClusterOptions { Prefix = cluster }));
}
