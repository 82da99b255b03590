using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Testing.Tests;

public sealed class FaultyBackplaneTests : IAsyncDisposable
{
    private const string Channel = "test:v1:default:all";

    private readonly FakeTimeProvider _time = new();
    private readonly InMemory _memory = new();

    public ValueTask DisposeAsync() => _memory.DisposeAsync();

    [Fact]
    public async Task Loss_Always_NothingArrivesAndIsCounted()
    {
        var (node, backplane) = await StartAsync(new() { LossProbability = 1 });

        await PublishAsync(node, 10);
        backplane.Options.LossProbability = 0;
        await node.PublishAsync(Channel, "fence");

        Assert.Equal(["fence"], await node.Received.WaitForAsync(Channel, "fence"));
        Assert.Equal(new() { Received = 11, Lost = 10 }, backplane.Counts);
    }

    [Fact]
    public async Task Duplication_Always_EachArrivesTwiceInMemoryOfItsOwn()
    {
        var (node, backplane) = await StartAsync(new() { DuplicationProbability = 1 });

        await PublishAsync(node, 3);

        Assert.Equal(["0", "0", "1", "1", "2", "2"], node.Received.Texts(Channel));
        Assert.Equal(new() { Received = 3, Duplicated = 3 }, backplane.Counts);
        var payloads = node.Received.Payloads(Channel);
        Assert.False(payloads[0].Equals(payloads[1]));
    }

    [Fact]
    public async Task Delay_SomeLate_ArriveInOrderWhenTheyAreDue()
    {
        var (node, backplane) = await StartAsync(new() { DelayProbability = 1, MinDelay = TimeSpan.FromSeconds(2), MaxDelay = TimeSpan.FromSeconds(2) });

        await PublishAsync(node, 1);
        backplane.Options.DelayProbability = 0;
        await node.PublishAsync(Channel, "behind it");
        await node.PublishAsync(Channel + ":other", "of another channel, which is not subscribed");
        Assert.Empty(node.Received.Texts(Channel));
        _time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.Empty(node.Received.Texts(Channel));
        _time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.Equal(["0", "behind it"], node.Received.Texts(Channel));
        Assert.Equal(new() { Received = 2, Delayed = 1 }, backplane.Counts);
    }

    [Fact]
    public async Task Delay_BetweenMinAndMax_KeepsOrderAndLosesNothing()
    {
        var (node, backplane) = await StartAsync(new() { Seed = 4, DelayProbability = 0.5 });

        for (var i = 0; i < 100; i++)
        {
            await node.PublishAsync(Channel, $"{i}");
            _time.Advance(TimeSpan.FromMilliseconds(7));
        }

        _time.Advance(TimeSpan.FromMilliseconds(100));
        Assert.Equal(Enumerable.Range(0, 100).Select(static i => $"{i}"), node.Received.Texts(Channel));
        Assert.InRange(backplane.Counts.Delayed, 30, 70);
    }

    [Fact]
    public async Task Reordering_Always_NeighboursChangePlaces()
    {
        var (node, backplane) = await StartAsync(new() { ReorderingProbability = 1 });

        await PublishAsync(node, 4);

        Assert.Equal(["1", "0", "3", "2"], node.Received.Texts(Channel));
        Assert.Equal(new() { Received = 4, Reordered = 2 }, backplane.Counts);
    }

    [Fact]
    public async Task Reordering_NothingComesAfter_GoesOnAlone()
    {
        var (node, backplane) = await StartAsync(new() { ReorderingProbability = 1, MaxDelay = TimeSpan.FromSeconds(1) });

        await PublishAsync(node, 1);
        Assert.Empty(node.Received.Texts(Channel));
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(["0"], node.Received.Texts(Channel));
        Assert.Equal(0, backplane.Counts.Reordered);
    }

    [Fact]
    public async Task Faults_SameSeedAndCalls_AreTheSameAndAnotherSeedDiffers()
    {
        var (first, second, other) = (await RunAsync(7, Channel), await RunAsync(7, Channel), await RunAsync(8, Channel));

        Assert.Equal(first, second);
        Assert.NotEqual(first, other);
        Assert.NotEqual(first, await RunAsync(7, Channel + ":other"));
        Assert.NotEqual(first.Order(), Enumerable.Range(0, 200).Select(static i => $"{i}").Order());

        async Task<IReadOnlyList<string>> RunAsync(int seed, string channel)
        {
            var (node, backplane) = await StartAsync(new()
            {
                Seed = seed, LossProbability = 0.2, DuplicationProbability = 0.2, DelayProbability = 0.2, ReorderingProbability = 0.2,
            });
            await node.SubscribeAsync(channel);
            for (var i = 0; i < 200; i++)
            {
                await node.PublishAsync(channel, $"{i}");
                _time.Advance(TimeSpan.FromMilliseconds(20));
            }

            _time.Advance(TimeSpan.FromSeconds(1)); // the last delay
            _time.Advance(TimeSpan.FromSeconds(1)); // and then the wait for one that overtakes
            var counts = backplane.Counts;
            Assert.All(new[] { counts.Lost, counts.Delayed, counts.Duplicated, counts.Reordered }, static count => Assert.InRange(count, 10, 80));
            Assert.Equal(200 - counts.Lost + counts.Duplicated, node.Received.Texts(channel).Count);
            return node.Received.Texts(channel);
        }
    }

    [Fact]
    public async Task Faults_OtherChannelsInBetween_StayTheSame()
    {
        var alone = await RunAsync(others: false);

        Assert.Equal(alone, await RunAsync(others: true));

        async Task<IReadOnlyList<string>> RunAsync(bool others)
        {
            var (node, _) = await StartAsync(new() { Seed = 3, LossProbability = 0.5 });
            await node.SubscribeAsync("other");
            for (var i = 0; i < 100; i++)
            {
                await node.PublishAsync(Channel, $"{i}");
                await node.PublishAsync(others ? "other" : "nobody's", "noise");
            }

            return node.Received.Texts(Channel);
        }
    }

    [Fact]
    public async Task Faults_ChannelsChosen_OthersHaveNone()
    {
        var (node, _) = await StartAsync(new() { LossProbability = 1, Channels = static channel => channel != Channel });
        await node.SubscribeAsync("other");

        await node.PublishAsync("other", "lost");
        await PublishAsync(node, 5);

        Assert.Equal(5, node.Received.Texts(Channel).Count);
        Assert.Empty(node.Received.Texts("other"));
    }

    [Fact]
    public async Task Cut_CallsAndWhatIsUnderWay_FailAndAreLost()
    {
        var (node, backplane) = await StartAsync(new() { DelayProbability = 1 });
        var (other, _) = await StartAsync(new());
        await PublishAsync(node, 2);

        backplane.Cut();
        backplane.Cut();
        Assert.True(backplane.IsCut);
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.PublishAsync(Channel, "x"));
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.SubscribeAsync("late"));
        await node.UnsubscribeAsync("never");
        await other.PublishAsync(Channel, "unheard");
        backplane.Options.DelayProbability = 0;
        backplane.Restore();
        backplane.Restore();
        _time.Advance(TimeSpan.FromSeconds(1));
        await other.PublishAsync("late", "not subscribed");
        await other.PublishAsync(Channel, "heard");

        Assert.Equal(["heard"], node.Received.Texts(Channel));
        Assert.Empty(node.Received.Texts("late"));
        Assert.Equal(["unavailable", "available"], node.Received.Reports);
        Assert.Equal(3, backplane.Counts.Lost);
        Assert.Empty(other.Received.Reports);
    }

    [Fact]
    public async Task Cut_BeforeStart_IsReportedAtStart()
    {
        var backplane = new FaultyBackplane(_memory.Create());
        backplane.Cut(new IOException("a cause"));

        await using var node = await BackplaneNode.StartAsync(backplane);

        Assert.Equal(["unavailable"], node.Received.Reports);
        backplane.Restore();
        await node.SubscribeAsync(Channel);
        await node.PublishAsync(Channel, "back");
        Assert.Equal(["back"], await node.Received.WaitForAsync(Channel, 1));
    }

    [Fact]
    public async Task Cut_TransportBelowAwayToo_IsBackOnlyWhenBothAre()
    {
        var below = new FaultyBackplane(_memory.Create());
        var above = new FaultyBackplane(below);
        await using var node = await BackplaneNode.StartAsync(above);

        above.Cut();
        below.Cut();
        above.Restore();
        Assert.Equal(["unavailable"], node.Received.Reports);
        below.Restore();
        Assert.Equal(["unavailable", "available"], node.Received.Reports);

        below.Cut();
        above.Cut();
        below.Restore();
        Assert.Equal(["unavailable", "available", "unavailable"], node.Received.Reports);
        above.Restore();
        Assert.Equal(["unavailable", "available", "unavailable", "available"], node.Received.Reports);
    }

    [Fact]
    public async Task Unsubscribe_PayloadUnderWay_IsNotHandedOver()
    {
        var (node, _) = await StartAsync(new() { DelayProbability = 1 });
        await PublishAsync(node, 1);

        await node.UnsubscribeAsync(Channel);
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Empty(node.Received.Texts(Channel));
    }

    [Fact]
    public async Task Dispose_PayloadUnderWayAndCut_NothingIsHandedOverOrReported()
    {
        var (node, backplane) = await StartAsync(new() { DelayProbability = 1 });
        await PublishAsync(node, 1);

        await node.DisposeAsync();
        backplane.Cut();
        backplane.Restore();
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Empty(node.Received.Texts(Channel));
        Assert.Empty(node.Received.Reports);
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    [InlineData(double.NaN)]
    public void Options_NoProbability_IsRefused(double value)
    {
        Assert.Equal("LossProbability", Assert.Throws<ArgumentOutOfRangeException>(() => new FaultyBackplaneOptions { LossProbability = value }).ParamName);
    }

    private static async Task PublishAsync(BackplaneNode node, int count)
    {
        for (var i = 0; i < count; i++)
        {
            await node.PublishAsync(Channel, $"{i}");
        }
    }

    private async Task<(BackplaneNode Node, FaultyBackplane Backplane)> StartAsync(FaultyBackplaneOptions options)
    {
        var backplane = new FaultyBackplane(_memory.Create(), options, _time);
        var node = await BackplaneNode.StartAsync(backplane);
        await node.SubscribeAsync(Channel);
        return (node, backplane);
    }
}
