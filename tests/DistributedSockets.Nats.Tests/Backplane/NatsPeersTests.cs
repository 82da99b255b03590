using DistributedSockets.Testing;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Nats.Tests.Backplane;

public sealed class NatsPeersTests : INatsPeersEvents
{
    private const string Own = "own";
    private const string East = "east";
    private const string West = "west";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Long = TimeSpan.FromHours(1);

    private readonly FakeTimeProvider _time = new();
    private readonly List<ulong> _asked = [];
    private readonly List<string> _silent = [];
    private readonly List<(string Server, DateTimeOffset Since)> _heardAgain = [];
    private readonly NatsPeers _peers;

    public NatsPeersTests()
    {
        _peers = new NatsPeers(
            number =>
            {
                _asked.Add(number);
                return ValueTask.CompletedTask;
            },
            Patience,
            _time,
            this);
    }

    [Fact]
    public void Pass_NobodyElsewhere_AsksNobody()
    {
        Assert.True(_peers.PassAsync().IsCompletedSuccessfully);
        Assert.Empty(_asked);
    }

    [Fact]
    public async Task Pass_TwoServers_WaitsForBoth()
    {
        await MeetAsync(East, West);

        var passing = _peers.PassAsync();
        Answer(East);
        Answer(Own);
        Assert.False(passing.IsCompleted);
        Answer(West);

        await passing.WithinGuardAsync();
    }

    [Fact]
    public async Task Pass_AnswerToAnEarlierQuestion_DoesNotCount()
    {
        await MeetAsync(East);

        var passing = _peers.PassAsync();
        Answer(Own);
        _peers.Receive(_asked[^1] - 1, East, Long);

        Assert.False(passing.IsCompleted);
        Answer(East);
        await passing.WithinGuardAsync();
    }

    [Fact]
    public async Task Pass_WhileAQuestionIsUnderWay_SharesTheNext()
    {
        await MeetAsync(East);
        var first = _peers.PassAsync();
        var (second, third) = (_peers.PassAsync(), _peers.PassAsync());
        var asked = _asked.Count;

        Answer(Own);
        Answer(East);

        await first.WithinGuardAsync();
        Assert.Equal(asked + 1, _asked.Count);
        Assert.False(second.IsCompleted);
        Answer(Own);
        Answer(East);
        await Task.WhenAll(second, third).WithinGuardAsync();
    }

    [Fact]
    public async Task Arrive_NewServer_IsWaitedForAtOnce()
    {
        await MeetAsync();
        _peers.Arrive(Own);
        Assert.True(_peers.PassAsync().IsCompleted);

        _peers.Arrive(East);

        var passing = _peers.PassAsync();
        Answer(Own);
        Assert.False(passing.IsCompleted);
        Answer(East);
        await passing.WithinGuardAsync();
    }

    [Fact]
    public async Task Pass_ServerSilent_GoesOnInTimeAndIsNotWaitedForAgain()
    {
        await MeetAsync(East, West);
        var passing = _peers.PassAsync();
        Answer(Own);
        Answer(West);

        _time.Advance(Patience);

        await passing.WithinGuardAsync();
        Assert.Equal([East], _silent);
        var next = _peers.PassAsync();
        Answer(Own);
        Answer(West);
        await next.WithinGuardAsync();
    }

    [Fact]
    public async Task Receive_SilentServerWithANodeThatWasThereAllTheWhile_IsReportedSinceItWasLastHeard()
    {
        await MeetAsync(East);
        var lastHeard = _time.GetUtcNow();
        await FallSilentAsync();
        _time.Advance(TimeSpan.FromSeconds(10));

        _peers.Receive(_asked[^1], East, TimeSpan.FromSeconds(30));

        Assert.Equal((East, lastHeard), Assert.Single(_heardAgain));
        _peers.Receive(_asked[^1], East, TimeSpan.FromSeconds(30));
        Assert.Single(_heardAgain);
    }

    [Fact]
    public async Task Receive_SilentServerWithANodeThatCameLater_IsNoLoss()
    {
        await MeetAsync(East);
        await FallSilentAsync();
        _time.Advance(TimeSpan.FromSeconds(10));

        _peers.Receive(_asked[^1], East, TimeSpan.FromSeconds(5));

        Assert.Empty(_heardAgain);
    }

    [Fact]
    public async Task Fail_ConnectionLost_HoldsNobodyUp()
    {
        await MeetAsync(East);
        var (first, second) = (_peers.PassAsync(), _peers.PassAsync());

        _peers.Fail();

        await Task.WhenAll(first, second).WithinGuardAsync();
    }

    [Fact]
    public async Task Receive_InventedServers_AreBounded()
    {
        await MeetAsync();
        for (var i = 0; i < 10_000; i++)
        {
            _peers.Receive(0, $"invented-{i}", Long);
            _peers.Arrive($"invented-too-{i}");
        }

        var passing = _peers.PassAsync();
        _time.Advance(Patience);

        await passing.WithinGuardAsync();
        Assert.InRange(_silent.Count, 1, 256);
    }

    void INatsPeersEvents.OnSilent(string server) => _silent.Add(server);

    void INatsPeersEvents.OnHeardAgain(string server, DateTimeOffset since) => _heardAgain.Add((server, since));

    private void Answer(string server) => _peers.Receive(_asked[^1], server, Long);

    private async Task MeetAsync(params string[] others)
    {
        var meeting = _peers.DiscoverAsync(Own);
        foreach (var other in others)
        {
            Answer(other);
        }

        Answer(Own);
        await meeting.WithinGuardAsync();
    }

    private async Task FallSilentAsync()
    {
        var passing = _peers.PassAsync();
        _time.Advance(Patience);
        await passing.WithinGuardAsync();
    }
}
