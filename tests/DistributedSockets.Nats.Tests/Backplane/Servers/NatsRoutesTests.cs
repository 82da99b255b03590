using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Nats.Tests.Backplane;

public sealed class NatsRoutesTests
{
    private static readonly NatsEpoch Epoch = new("own", 1);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly FakeTimeProvider _time = new();
    private readonly NatsRoutes _routes;

    public NatsRoutesTests() => _routes = new NatsRoutes(_time);

    [Fact]
    public void Look_NoOtherInfo_TellsNothing()
    {
        string[] addresses = ["a", "b"];

        Assert.Null(Look(addresses));
        Assert.Null(Look(addresses));
    }

    [Fact]
    public void Look_AnotherInfoWithTheSameAddresses_TellsOfABreakSinceTheLastLookOnce()
    {
        string[] again = ["b", "a"]; // in whatever order
        Look(["a", "b"]);
        Look(["a", "b", "c"]);
        Look(["a", "b"]);

        Assert.Equal(Interval, Look(again));
        Assert.Null(Look(again));
    }

    [Theory]
    [InlineData("a b", "a b c")] // one has joined
    [InlineData("a b", "a")] // one is gone, which the silence of its nodes tells
    [InlineData("a b", "a c")]
    [InlineData("a b", null)]
    [InlineData(null, "a b")]
    [InlineData(null, null)] // a cluster that advertises none
    public void Look_OtherAddresses_TellsNothing(string? before, string? now)
    {
        Look(before?.Split(' '));

        Assert.Null(Look(now?.Split(' ')));
    }

    [Fact]
    public void Look_SameAddressesOverAnotherConnection_TellsNothing()
    {
        Look(["a", "b"]);

        Assert.Null(_routes.Look(new("other", 1), ["a", "b"]));
        Assert.Null(_routes.Look(new("other", 2), ["a", "b"]));
        Assert.Null(_routes.Look(null, null));
    }

    private TimeSpan? Look(string[]? addresses)
    {
        _time.Advance(Interval);
        return _routes.Look(Epoch, addresses);
    }
}
