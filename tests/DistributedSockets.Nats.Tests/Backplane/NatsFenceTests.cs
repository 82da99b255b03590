using DistributedSockets.Testing;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.Backplane;

public sealed class NatsFenceTests
{
    private static readonly NatsEpoch First = new("server", 1);

    private readonly List<ulong> _sent = [];
    private readonly NatsFence _fence;
    private Func<ulong, ValueTask> _send = static _ => ValueTask.CompletedTask;

    public NatsFenceTests() => _fence = new NatsFence(number =>
    {
        _sent.Add(number);
        return _send(number);
    });

    [Fact]
    public async Task Pass_MarkerReturns_GivesTheConnectionItCameOver()
    {
        var passing = _fence.PassAsync();
        Assert.False(passing.IsCompleted);

        _fence.Receive(_sent[0], First);

        Assert.Equal(First, await passing.WithinGuardAsync());
    }

    [Fact]
    public async Task Pass_WhileAMarkerIsUnderWay_WaitsForTheNextWhichAllShare()
    {
        var first = _fence.PassAsync();
        var second = _fence.PassAsync();
        var third = _fence.PassAsync();
        Assert.Single(_sent);

        _fence.Receive(_sent[0], First);
        await first.WithinGuardAsync();
        Assert.Equal(2, _sent.Count);
        Assert.False(second.IsCompleted);

        _fence.Receive(_sent[1], First);
        await Task.WhenAll(second, third).WithinGuardAsync();
        Assert.Equal(2, _sent.Count);
    }

    [Fact]
    public async Task Receive_AnotherMarker_PassesNothing()
    {
        var passing = _fence.PassAsync();

        _fence.Receive(_sent[0] + 1, First);
        _fence.Receive(0, First);

        Assert.False(passing.IsCompleted);
        _fence.Receive(_sent[0], First);
        await passing.WithinGuardAsync();
    }

    [Fact]
    public async Task Fail_ConnectionLost_FailsAllAndAMarkerThatComesLatePassesNothing()
    {
        var (first, second) = (_fence.PassAsync(), _fence.PassAsync());

        _fence.Fail();

        Assert.Null(await first.WithinGuardAsync());
        Assert.Null(await second.WithinGuardAsync());
        var third = _fence.PassAsync();
        _fence.Receive(_sent[0], First);
        Assert.False(third.IsCompleted);
        _fence.Receive(_sent[^1], First);
        Assert.Equal(First, await third.WithinGuardAsync());
    }

    [Fact]
    public async Task Pass_MarkerCannotBeSent_FailsAndTheNextIsTried()
    {
        var sending = new TaskCompletionSource();
        _send = number => number == 1 ? new ValueTask(sending.Task) : ValueTask.CompletedTask;
        var (first, second) = (_fence.PassAsync(), _fence.PassAsync());

        sending.SetException(new NatsException("It was not taken."));

        Assert.Null(await first.WithinGuardAsync());
        await Eventually.TrueAsync(() => _sent.Count == 2, "the next marker is sent");
        _fence.Receive(_sent[1], First);
        Assert.Equal(First, await second.WithinGuardAsync());
    }
}
