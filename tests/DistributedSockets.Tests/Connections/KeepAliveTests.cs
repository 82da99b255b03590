using System.Collections.Concurrent;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

public sealed class KeepAliveTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task LetGo_WhileTheConnectionEnds_HubLetsGoOfItOnce()
    {
        await using var node = await AppNode.StartAsync();
        var clients = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => node.ConnectAsync("u")));
        var connections = node.Hub.All.ToArray();
        foreach (var connection in connections)
        {
            await node.Router.AddToGroupAsync(connection.Id, "g", Cancellation);
        }

        // As the loop does for a handler that is stuck, at the moment at which that handler returns.
        var removals = await Task.WhenAll(connections.SelectMany(connection => Enumerable.Range(0, 4).Select(_ => Task.Run(() => node.Hub.Remove(connection)))));

        Assert.Equal(connections.Length, removals.Count(static channels => channels is not null));
        Assert.All(removals.OfType<string[]>(), channels => Assert.Equal([node.Hub.GroupChannel("g")], channels));
        Assert.Equal((0, 0, 0), (node.Hub.Count, node.Hub.User("u").Count, node.Hub.Group("g").Count));
        foreach (var client in clients)
        {
            await client.DisposeAsync();
            await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync();
        }

        await Eventually.TrueAsync(async () => !await node.Store.IsOnlineAsync("probe", "u", Cancellation), "the sessions have ended");
    }

    [Theory]
    [InlineData(5_000, 1_250)] // the default
    [InlineData(100, 250)]
    public async Task CloseTimeout_ShorterThanAllOtherTimes_SetsHowOftenConnectionsAreLookedAfter(int closeTimeout, int period)
    {
        var time = new PeriodRecorder();
        await using var node = await AppNode.StartAsync(
            options: options => options.CloseTimeout = TimeSpan.FromMilliseconds(closeTimeout),
            build: sockets => sockets.Services.AddSingleton<TimeProvider>(time));

        Assert.Contains(TimeSpan.FromMilliseconds(period), time.Periods);
    }

    private sealed class PeriodRecorder : FakeTimeProvider
    {
        internal ConcurrentQueue<TimeSpan> Periods { get; } = new();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Periods.Enqueue(period);
            return base.CreateTimer(callback, state, dueTime, period);
        }
    }
}
