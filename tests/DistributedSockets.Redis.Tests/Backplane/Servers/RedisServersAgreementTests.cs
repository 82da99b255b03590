using System.Collections.Concurrent;
using DistributedSockets.Testing;
using Microsoft.Extensions.Logging.Testing;

namespace DistributedSockets.Redis.Tests.Backplane.Servers;

/// <summary>Nodes that have not the same servers notice it.</summary>
public sealed class RedisServersAgreementTests
{
    private const string Channel = "prefix:v1:servers";

    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly WatchedTime _time = new();
    private readonly Dictionary<string, Server> _servers = new[] { "a", "b", "c" }.ToDictionary(static name => name, static _ => new Server());

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task NodesWithTheSameServersInAnotherOrder_Agree()
    {
        await using var one = await StartAsync("a", "b", "c");
        await using var two = await StartAsync("c", "a", "b");
        await SaidAsync(6);

        Assert.Equal(0, one.Received.Losses);
        Assert.Equal(0, two.Received.Losses);
        Assert.Empty(one.Received.Channels);
    }

    [Fact]
    public async Task NodesWithOtherServers_NoticeAtOnce_AndOnceAMinuteForAsLongAsBothAreThere()
    {
        await using var one = await StartAsync("a", "b");
        await SaidAsync(2);
        var two = await StartAsync("a", "b", "c");

        await BothKnowAsync(1); // though only one of them has come
        Assert.Equal([1050], one.Logger.Collector.GetSnapshot().Select(static entry => entry.Id.Id));
        for (var minute = 2; minute < 6; minute++)
        {
            await PassMinuteAsync(nodes: 2);
            await BothKnowAsync(minute);
        }

        await two.DisposeAsync();
        var losses = one.Received.Losses;
        for (var minute = 0; minute < 5; minute++)
        {
            await PassMinuteAsync(nodes: 1);
        }

        await using var three = await StartAsync("a", "b");
        await Eventually.TrueAsync(() => _servers["b"].Last() == three.Hash, "the last node has come");
        Assert.Equal(losses, one.Received.Losses);
        Assert.Equal(0, three.Received.Losses);

        Task BothKnowAsync(int count) => Eventually.TrueAsync(() => one.Received.Losses >= count && two.Received.Losses >= count, $"both have noticed {count} times");
    }

    [Fact]
    public async Task ServerAwayAtTheStart_IsToldWhenItIsThere()
    {
        _servers["a"].Failure = new BackplaneUnavailableException();
        _servers["b"].Failure = new BackplaneUnavailableException();
        await using var one = await StartAsync("a", "b");
        await using var two = await StartAsync("b", "a", "c");
        await SaidAsync(1);
        Assert.Equal(0, one.Received.Losses);

        _servers["b"].Failure = null;
        foreach (var receiver in _servers["b"].Nodes)
        {
            receiver.OnAvailable();
        }

        await Eventually.TrueAsync(() => one.Received.Losses == 1 && two.Received.Losses == 1, "both have noticed");
    }

    [Fact]
    public async Task BytesOfSomebodyElse_AreReportedOnceAMinuteAndHarmNothing()
    {
        await using var one = await StartAsync("a", "b");
        await SaidAsync(2);

        for (var i = 0; i < 100; i++)
        {
            _servers["a"].Nodes[0].OnReceived(Channel, new byte[i]);
        }

        Assert.Equal(1, one.Received.Losses);
        Assert.Empty(one.Received.Channels);
        _servers["a"].Nodes[0].OnReceived("other", default);
        Assert.Equal(["other"], one.Received.Channels);
    }

    /// <summary>Lets a minute pass for nodes that all wait for its end: one that was about to begin would wait for the next.</summary>
    private async Task PassMinuteAsync(int nodes)
    {
        await Eventually.TrueAsync(() => _time.ArmedTimers == nodes, $"{nodes} nodes wait");
        _time.Advance(Minute);
    }

    private Task SaidAsync(int count) => Eventually.TrueAsync(() => _servers.Values.Sum(static server => server.Said.Count) >= count, $"{count} things are said");

    private async Task<Node> StartAsync(params string[] servers)
    {
        var node = new Node(new(), new(), servers, _servers, _time);
        await node.Backplane.StartAsync(node.Received, Cancellation);
        return node;
    }

    private sealed class Node(Receiver received, FakeLogger<RedisServersBackplane> logger, string[] names, Dictionary<string, Server> servers, TimeProvider time) : IAsyncDisposable
    {
        public Receiver Received => received;

        public FakeLogger<RedisServersBackplane> Logger => logger;

        public string Hash => Convert.ToHexString(
            BitConverter.GetBytes(System.IO.Hashing.XxHash64.HashToUInt64(System.Text.Encoding.UTF8.GetBytes(string.Concat(names.Order().Select(static name => name + '\0'))))));

        public RedisServersBackplane Backplane { get; } =
            new(names.Select(name => KeyValuePair.Create<string, IBackplane>(name, new Link(servers[name]))), "prefix", time, logger);

        public ValueTask DisposeAsync() => Backplane.DisposeAsync();
    }

    /// <summary>What the nodes share.</summary>
    private sealed class Server
    {
        private readonly Lock _gate = new();
        private IBackplaneReceiver[] _nodes = [];
        private string[] _said = [];

        public IBackplaneReceiver[] Nodes => Volatile.Read(ref _nodes);

        public IReadOnlyCollection<string> Said => Volatile.Read(ref _said);

        public volatile Exception? Failure;

        public string? Last() => Said.LastOrDefault();

        public void Join(IBackplaneReceiver node)
        {
            lock (_gate)
            {
                _nodes = [.. _nodes, node];
            }
        }

        public void Leave(IBackplaneReceiver node)
        {
            lock (_gate)
            {
                _nodes = [.. _nodes.Where(other => other != node)];
            }
        }

        public void Say(ReadOnlyMemory<byte> payload)
        {
            foreach (var node in Nodes)
            {
                node.OnReceived(Channel, payload.ToArray());
            }

            lock (_gate)
            {
                _said = [.. _said, Convert.ToHexString(payload.Span)];
            }
        }
    }

    /// <summary>One node's backplane of one server.</summary>
    private sealed class Link(Server server) : IBackplane
    {
        private IBackplaneReceiver? _receiver;

        public string System => "redis";

        public ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default)
        {
            _receiver = receiver;
            server.Join(receiver);
            return ValueTask.CompletedTask;
        }

        public ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
        {
            Assert.Equal(Channel, channel);
            if (server.Failure is { } failure)
            {
                return ValueTask.FromException<PublishResult>(failure);
            }

            server.Say(payload);
            return new(PublishResult.Taken);
        }

        public ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default) =>
            server.Failure is { } failure ? ValueTask.FromException(failure) : ValueTask.CompletedTask;

        public ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

        public ValueTask DisposeAsync()
        {
            if (_receiver is { } receiver)
            {
                server.Leave(receiver);
            }

            return ValueTask.CompletedTask;
        }
    }

    private sealed class Receiver : IBackplaneReceiver
    {
        private int _losses;

        public int Losses => Volatile.Read(ref _losses);

        public ConcurrentQueue<string> Channels { get; } = [];

        public void OnReceived(string channel, ReadOnlyMemory<byte> payload) => Channels.Enqueue(channel);

        public void OnUnavailable(Exception? cause)
        {
        }

        public void OnAvailable()
        {
        }

        public void OnPossibleLoss(string description) => Interlocked.Increment(ref _losses);

        public void OnPossibleLoss(string description, DateTimeOffset since) => OnPossibleLoss(description);
    }
}
