using System.Collections.Concurrent;
using System.Diagnostics;

namespace DistributedSockets.ClusterTests;

/// <summary>Many clients that send to everyone, users, groups and each other, while something happens to the cluster.</summary>
internal sealed class HistoryLoad : IAsyncDisposable
{
    private static readonly TimeSpan SettlePatience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan SettleInterval = TimeSpan.FromMilliseconds(250);

    private readonly Func<IReadOnlyList<TestNodeProcess>> _nodes;
    private readonly CancellationTokenSource _stopped = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly ConcurrentDictionary<string, HistoryReceiver> _open = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string From, string To), long> _lastSent = new(); // in UTC ticks, of what arrived
    private readonly HistoryTarget[] _targets;
    private readonly HistoryClient[] _clients;
    private readonly Task _running;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly Lock _changing = new(); // or the ids of two that open at once could be without one of them
    private volatile string[] _openIds = [];

    private HistoryLoad(HistoryLoadSettings settings, Func<IReadOnlyList<TestNodeProcess>> nodes)
    {
        (Settings, _nodes) = (settings, nodes);
        _targets =
        [
            HistoryTarget.All,
            .. Enumerable.Range(0, settings.Clients / 2).Select(static i => new HistoryTarget('U', $"user{i}")),
            .. Enumerable.Range(0, 5).Select(static i => new HistoryTarget('G', $"wide{i}")),
            .. Enumerable.Range(0, 5).Select(static i => new HistoryTarget('X', $"wide{i}")),
        ];

        // Two connections for each user, which are likely to be on different nodes.
        _clients = [.. Enumerable.Range(0, settings.Clients)
            .Select(i => new HistoryClient(this, i, $"user{i / 2}", [$"wide{i % 5}", $"wide{(i + (i / 5)) % 5}-2"], i < settings.Resuming, i < settings.Blinking))];
        _running = Task.WhenAll(_clients.Select(static client => Task.Run(client.RunAsync)));
    }

    public HistoryLoadSettings Settings { get; }

    public History History { get; } = new();

    /// <summary>The nodes to connect to at this moment.</summary>
    public IReadOnlyList<TestNodeProcess> Nodes => _nodes();

    /// <summary>No more is sent.</summary>
    public CancellationToken Stopped => _stopped.Token;

    /// <summary>The clients go.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>The close code of every connection that has ended.</summary>
    public IEnumerable<int> CloseCodes => _clients.SelectMany(static client => client.CloseCodes);

    /// <summary>The connections that are open.</summary>
    public IReadOnlyList<string> OpenIds => _openIds;

    /// <summary>The open connections of one node.</summary>
    public string[] OpenIdsOf(TestNodeProcess node) =>
        [.. _open.Values.Where(receiver => receiver.NodeId == node.NodeId).Select(static receiver => receiver.ConnectionId)];

    /// <summary>Starts the clients, and returns when messages flow between all nodes.</summary>
    /// <param name="settings">The load.</param>
    /// <param name="nodes">The nodes to connect to at this moment.</param>
    public static async Task<HistoryLoad> StartAsync(HistoryLoadSettings settings, Func<IReadOnlyList<TestNodeProcess>> nodes)
    {
        var load = new HistoryLoad(settings, nodes);
        await load.UntilConnectedAsync();
        await load.UntilFlowingAsync();
        return load;
    }

    /// <summary>Waits until every client has a connection.</summary>
    public Task UntilConnectedAsync() =>
        Guard.UntilAsync(() => Task.FromResult(_open.Count == Settings.Clients), "all clients of the load are connected");

    /// <summary>Waits until every client that blinks has gone on with its session so many times.</summary>
    public Task UntilResumedAsync(int times) =>
        Guard.UntilAsync(() => Task.FromResult(_clients.All(client => !client.Blinks || client.Resumed >= times)), $"all that blink have come back {times} times");

    /// <summary>Waits until a message that was sent after this call has gone from each node to each.</summary>
    /// <returns>How long that took.</returns>
    public async Task<TimeSpan> UntilFlowingAsync()
    {
        var started = Stopwatch.GetTimestamp();
        var from = DateTimeOffset.UtcNow.UtcTicks;
        await Guard.UntilAsync(() => Task.FromResult(IsFlowing(from)), "messages flow between all nodes");
        return Stopwatch.GetElapsedTime(started);
    }

    /// <summary>Asks the nodes what losses they reported; to be called before a node stops whose reports matter.</summary>
    public async Task CollectLossesAsync()
    {
        foreach (var node in Nodes)
        {
            foreach (var happened in (await node.EventsAsync()).Where(static happened => happened.Event == "possible_loss"))
            {
                History.Add(new HistoryLoss(node.NodeId, happened.From!.Value, happened.To!.Value, happened.Cause!, happened.Description)); // a loss has all of these
            }
        }
    }

    /// <summary>Ends the load when all that was sent has arrived or is known to be lost, and judges it.</summary>
    public async Task<HistoryVerdict> EndAsync()
    {
        await _stopped.CancelAsync();
        await Guard.UntilAsync(() => Task.FromResult(_clients.All(static client => client.Unanswered == 0)), "all sends are answered");
        var verdict = await SettleAsync();
        await _ended.CancelAsync();
        await _running.Guarded("the end of the load");
        return verdict;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        await _ended.CancelAsync();
        await _running;
        _stopped.Dispose();
        _ended.Dispose();
    }

    public override string ToString() =>
        $"{Settings.Clients} clients on {Nodes.Count} nodes, {Settings.SendsPerSecond} sends/s, seed {Settings.Seed}, {Stopwatch.GetElapsedTime(_started).TotalSeconds:F0} s";

    internal HistoryTarget NextTarget(Random random)
    {
        var ids = _openIds;
        return random.Next(4) == 0 && ids.Length > 0 ? new('C', ids[random.Next(ids.Length)]) : _targets[random.Next(_targets.Length)];
    }

    /// <summary>Counts a connection among those that are open. A session stays one of them until it ends, also while its client is away.</summary>
    internal void Opened(HistoryReceiver self)
    {
        History.Add(self);
        lock (_changing)
        {
            _open[self.ConnectionId] = self;
            _openIds = [.. _open.Keys];
        }
    }

    internal void Closed(HistoryReceiver self)
    {
        self.Ended = DateTimeOffset.UtcNow;
        lock (_changing)
        {
            _open.TryRemove(self.ConnectionId, out _);
            _openIds = [.. _open.Keys];
        }
    }

    internal void Got(HistoryReceiver self, HistoryDelivery delivery, long sentTicks)
    {
        History.Add(delivery);
        if (_open.TryGetValue(delivery.Sender, out var sender))
        {
            _lastSent.AddOrUpdate((sender.NodeId, self.NodeId), sentTicks, (_, last) => Math.Max(last, sentTicks));
        }
    }

    private bool IsFlowing(long from)
    {
        var nodes = _open.Values.Select(static receiver => receiver.NodeId).Distinct(StringComparer.Ordinal).ToArray();
        return nodes.Length > 0 && nodes.All(sender => nodes.All(receiver => _lastSent.GetValueOrDefault((sender, receiver)) > from));
    }

    /// <summary>Waits while something is missing that may still come or be reported; in the end that is the verdict.</summary>
    private async Task<HistoryVerdict> SettleAsync()
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            await CollectLossesAsync();
            var verdict = HistoryChecker.Check(History, Settings.Transit);
            if (verdict.Missing == 0 || Stopwatch.GetElapsedTime(started) > SettlePatience)
            {
                return verdict;
            }

            await Task.Delay(SettleInterval, TestContext.Current.CancellationToken);
        }
    }
}
