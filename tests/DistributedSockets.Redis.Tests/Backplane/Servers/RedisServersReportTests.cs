using DistributedSockets.Testing;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Redis.Tests.Backplane.Servers;

/// <summary>What several servers report as one.</summary>
public sealed class RedisServersReportTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly Receiver _receiver = new();
    private readonly Dictionary<string, OneServer> _servers = new[] { "a", "b", "c" }.ToDictionary(static name => name, static _ => new OneServer());

    [Fact]
    public async Task Outages_OfOneOfSomeAndOfAll_AreReportedAsWhatTheyAre()
    {
        await using var backplane = await StartAsync();

        Away("b");
        Away("c");
        Away("a");
        Back("c");
        Back("a");
        Back("b");

        Assert.Equal(
            [
                "partly: 1 of 3 Redis servers is away: 'b' (no route to b).",
                "partly: 2 of 3 Redis servers are away: 'b' (no route to b), 'c' (no route to c).",
                "away: 3 of 3 Redis servers are away: 'a' (no route to a), 'b' (no route to b), 'c' (no route to c).",
                "loss: Redis server 'c' was away; what other nodes sent by it meanwhile may be missing.",
                "partly: 2 of 3 Redis servers are away: 'a' (no route to a), 'b' (no route to b).",
                "loss: Redis server 'a' was away; what other nodes sent by it meanwhile may be missing.",
                "partly: 1 of 3 Redis servers is away: 'b' (no route to b).",
                "available",
            ],
            _receiver.Reports);
    }

    [Fact]
    public async Task Outage_NewerCause_IsReportedAndTheOldOneKeptWhereThereIsNone()
    {
        await using var backplane = await StartAsync();

        Away("b");
        _servers["b"].Receiver.OnUnavailable(new IOException("wrong password"));
        _servers["b"].Receiver.OnUnavailable(null);

        Assert.Equal(
            [
                "partly: 1 of 3 Redis servers is away: 'b' (no route to b).",
                "partly: 1 of 3 Redis servers is away: 'b' (wrong password).",
                "partly: 1 of 3 Redis servers is away: 'b' (wrong password).",
            ],
            _receiver.Reports);
        Assert.IsType<IOException>(_receiver.LastCause?.InnerException);
    }

    [Fact]
    public async Task Outage_OfAPartOfOneServer_IsNeverOneOfAll()
    {
        await using var backplane = await StartAsync();

        _servers["a"].Receiver.OnPartlyUnavailable(new IOException("slot 7"));
        Away("b");
        Away("c");
        Back("b");
        Back("c");
        Back("a");

        Assert.DoesNotContain(_receiver.Reports, static report => report.StartsWith("away", StringComparison.Ordinal));
        Assert.Equal("available", _receiver.Reports[^1]);
    }

    [Fact]
    public async Task Start_SomeServersAway_IsReportedOnceAndAsPartial()
    {
        _servers["a"].IsAwayAtStart = true;
        _servers["c"].IsAwayAtStart = true;
        await using var backplane = await StartAsync();

        Assert.Equal(["partly: 2 of 3 Redis servers are away: 'a', 'c'."], _receiver.Reports);
    }

    [Fact]
    public async Task Start_AllServersAway_IsReportedOnce()
    {
        foreach (var server in _servers.Values)
        {
            server.IsAwayAtStart = true;
        }

        await using var backplane = await StartAsync();

        Assert.Equal(["away: 3 of 3 Redis servers are away: 'a', 'b', 'c'."], _receiver.Reports);
    }

    [Fact]
    public async Task Start_OneServerThatHangs_TheOthersAreStartedAllTheSame()
    {
        _servers["a"].Starting = new TaskCompletionSource();
        await using var backplane = Backplane(_servers);

        var starting = backplane.StartAsync(_receiver, TestContext.Current.CancellationToken).AsTask();

        Assert.All(_servers.Values, static server => Assert.True(server.IsStarted));
        Assert.False(starting.IsCompleted);
        _servers["a"].Starting!.SetResult();
        await starting.WithinGuardAsync();
        Assert.Empty(_receiver.Reports);
    }

    [Fact]
    public async Task Loss_OfAServerThatWasSilentBefore_IsReportedFromSomeSecondsBeforeTheOutage()
    {
        await using var backplane = await StartAsync();
        _time.Advance(TimeSpan.FromMinutes(1));
        _servers["b"].Receiver.OnReceived("channel", default);
        _time.Advance(TimeSpan.FromSeconds(2));
        var now = _time.GetUtcNow();

        Away("a");
        Away("b");
        Away("c");
        _time.Advance(TimeSpan.FromMinutes(1));
        Back("a");
        Back("b");

        Assert.Equal([now - TimeSpan.FromSeconds(15), now - TimeSpan.FromSeconds(2)], _receiver.Losses);
    }

    [Fact]
    public async Task Loss_ReportedByOneServer_IsPassedOnWithItsName()
    {
        await using var backplane = await StartAsync();

        _servers["a"].Receiver.OnPossibleLoss("cut off");
        _servers["b"].Receiver.OnPossibleLoss("moved", DateTimeOffset.UnixEpoch);

        Assert.Equal(["loss: Redis server 'a': cut off", "loss: Redis server 'b': moved"], _receiver.Reports);
        Assert.Equal([DateTimeOffset.UnixEpoch], _receiver.Losses);
    }

    [Fact]
    public async Task Members_OfAChannel_GoToItsServerOnlyAndFailuresNameIt()
    {
        await using var backplane = await StartAsync();
        for (var i = 0; i < 30; i++)
        {
            await backplane.SubscribeAsync($"channel {i}", TestContext.Current.CancellationToken);
            await backplane.PublishAsync($"channel {i}", default, TestContext.Current.CancellationToken);
            await backplane.UnsubscribeAsync($"channel {i}", TestContext.Current.CancellationToken);
        }

        Assert.Equal(90, _servers.Values.Sum(static server => server.Calls.Count));
        Assert.All(_servers.Values, static server => Assert.NotEmpty(server.Calls));
        Assert.All(_servers.Values, static server => Assert.All(server.Calls.CountBy(static channel => channel), static call => Assert.Equal(3, call.Value)));

        var (name, lost) = _servers.Single(static server => server.Value.Calls.Contains("channel 1"));
        lost.Failure = new BackplaneUnavailableException("Not now.", new IOException("cut"));
        var publish = await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await backplane.PublishAsync("channel 1", default, TestContext.Current.CancellationToken));
        var subscribe = await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await backplane.SubscribeAsync("channel 1", TestContext.Current.CancellationToken));
        Assert.Equal($"Redis server '{name}', one of 3: Not now.", publish.Message);
        Assert.Equal(publish.Message, subscribe.Message);
        Assert.Same(lost.Failure.InnerException, publish.InnerException);
    }

    [Fact]
    public async Task Dispose_Twice_DisposesEachServer()
    {
        var backplane = await StartAsync();

        await backplane.DisposeAsync();
        await backplane.DisposeAsync();

        Assert.All(_servers.Values, static server => Assert.True(server.IsDisposed));
    }

    [Fact]
    public async Task Servers_InAnyOrder_HaveTheSameChannels()
    {
        await using var backplane = await StartAsync();
        var others = _servers.ToDictionary(static pair => pair.Key, static _ => new OneServer());
        await using var other = Backplane(others.Reverse());
        await other.StartAsync(new Receiver(), TestContext.Current.CancellationToken);
        for (var i = 0; i < 30; i++)
        {
            await backplane.SubscribeAsync($"channel {i}", TestContext.Current.CancellationToken);
            await other.SubscribeAsync($"channel {i}", TestContext.Current.CancellationToken);
        }

        Assert.All(_servers, server => Assert.Equal(server.Value.Calls, others[server.Key].Calls));
    }

    private void Away(string name) => _servers[name].Receiver.OnUnavailable(new IOException($"no route to {name}."));

    private void Back(string name) => _servers[name].Receiver.OnAvailable();

    private RedisServersBackplane Backplane(IEnumerable<KeyValuePair<string, OneServer>> servers) =>
        new(servers.Select(static pair => KeyValuePair.Create<string, IBackplane>(pair.Key, pair.Value)), "prefix", _time);

    private async Task<RedisServersBackplane> StartAsync()
    {
        var backplane = Backplane(_servers);
        await backplane.StartAsync(_receiver, TestContext.Current.CancellationToken);
        return backplane;
    }

    private sealed class OneServer : IBackplane
    {
        private IBackplaneReceiver? _receiver;

        public string System => "redis";

        public IBackplaneReceiver Receiver => _receiver ?? throw new InvalidOperationException("The server has not been started.");

        public bool IsStarted => _receiver is not null;

        public bool IsDisposed { get; private set; }

        public bool IsAwayAtStart { get; set; }

        public TaskCompletionSource? Starting { get; set; }

        public Exception? Failure { get; set; }

        public List<string> Calls { get; } = [];

        public async ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default)
        {
            _receiver = receiver;
            if (IsAwayAtStart)
            {
                receiver.OnUnavailable(null);
            }

            await (Starting?.Task ?? Task.CompletedTask);
        }

        public async ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
        {
            await CallAsync(channel);
            return PublishResult.Counted(1);
        }

        public ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default) => CallAsync(channel);

        public ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default) => CallAsync(channel);

        public ValueTask DisposeAsync()
        {
            IsDisposed = true;
            return ValueTask.CompletedTask;
        }

        private ValueTask CallAsync(string channel)
        {
            if (channel == "prefix:v1:servers")
            {
                return ValueTask.CompletedTask; // what the servers are asked besides
            }

            Calls.Add(channel);
            return Failure is null ? ValueTask.CompletedTask : ValueTask.FromException(Failure);
        }
    }

    private sealed class Receiver : IBackplaneReceiver
    {
        public List<string> Reports { get; } = [];

        public List<DateTimeOffset> Losses { get; } = [];

        public Exception? LastCause { get; private set; }

        public void OnReceived(string channel, ReadOnlyMemory<byte> payload)
        {
        }

        public void OnUnavailable(Exception? cause) => Report("away", cause);

        public void OnPartlyUnavailable(Exception? cause) => Report("partly", cause);

        public void OnAvailable() => Reports.Add("available");

        public void OnPossibleLoss(string description) => Reports.Add($"loss: {description}");

        public void OnPossibleLoss(string description, DateTimeOffset since)
        {
            Losses.Add(since);
            OnPossibleLoss(description);
        }

        private void Report(string kind, Exception? cause)
        {
            LastCause = cause;
            Reports.Add($"{kind}: {cause?.Message}");
        }
    }
}
