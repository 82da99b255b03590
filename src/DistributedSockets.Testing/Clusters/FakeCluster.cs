using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Testing;

/// <summary>A cluster in one process, with a clock that the test moves: for tests of an app's own handlers and routing, without server or port.</summary>
/// <remarks>
/// Each node is a whole host with the real runtime; only the transports are in memory. Waits have a guard of 60 seconds of real time. Move the
/// clock with <see cref="AdvanceAsync"/>, which waits for what the nodes do meanwhile.
/// </remarks>
public sealed class FakeCluster : IAsyncDisposable, IDisposable
{
    /// <summary>How many connections a node closes at once when it drains.</summary>
    private const int ClosedAtOnce = 50;

    private static readonly TimeSpan s_least = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan s_drainTick = TimeSpan.FromMilliseconds(50);

    private readonly FakeClusterOptions _options;
    private readonly InMemoryCluster _memory;
    private readonly Pulse _pulse = new();
    private readonly ClusterCode _code = new();
    private readonly SemaphoreSlim _moving = new(1);
    private volatile FakeNode[] _nodes = [];
    private bool _disposed;

    private FakeCluster(FakeTimeProvider time, FakeClusterOptions options)
    {
        Time = time;
        _options = options;
        _memory = new(time);
    }

    /// <summary>The clock of all nodes.</summary>
    public FakeTimeProvider Time { get; }

    /// <summary>All nodes that were ever started, in this order.</summary>
    public IReadOnlyList<FakeNode> Nodes => _nodes;

    /// <summary>The ids of all nodes, in the order of <see cref="Nodes"/>.</summary>
    public IReadOnlyList<string> NodeIds => Array.ConvertAll(_nodes, static node => node.NodeId);

    /// <summary>The sessions that any node told to have ended.</summary>
    public IReadOnlyList<SessionEnded> SessionsEnded => [.. _nodes.SelectMany(static node => node.SessionsEnded)];

    /// <summary>The possible losses that any node told of.</summary>
    public IReadOnlyList<PossibleLoss> PossibleLosses => [.. _nodes.SelectMany(static node => node.PossibleLosses)];

    /// <summary>A node.</summary>
    /// <param name="node">Its place in <see cref="Nodes"/>.</param>
    public FakeNode this[int node] => _nodes[node];

    /// <summary>Starts a cluster.</summary>
    /// <param name="nodes">How many nodes; at least 1.</param>
    /// <param name="configure">Registers the services of the app and maps its handlers.</param>
    /// <param name="time">The clock; <see langword="null"/> for a new one.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    public static async Task<FakeCluster> StartAsync(
        int nodes, Action<FakeClusterOptions>? configure = null, FakeTimeProvider? time = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(nodes, 1);
        var options = new FakeClusterOptions();
        configure?.Invoke(options);
        var cluster = new FakeCluster(time ?? new(), options);
        try
        {
            for (var i = 0; i < nodes; i++)
            {
                await cluster.AddNodeAsync(cancellationToken);
            }
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }

        return cluster;
    }

    /// <summary>Starts one more node.</summary>
    /// <param name="cancellationToken">Ends the attempt.</param>
    public async Task<FakeNode> AddNodeAsync(CancellationToken cancellationToken = default)
    {
        await _moving.WaitAsync(cancellationToken);
        try
        {
            var node = await FakeNode.StartAsync(_nodes.Length, _options, _memory, Time, NameForDraw, _pulse, _code, cancellationToken);
            _nodes = [.. _nodes, node];
            return node;
        }
        finally
        {
            _moving.Release();
        }
    }

    /// <summary>Connects a client to a node.</summary>
    /// <param name="node">The node's place in <see cref="Nodes"/>.</param>
    /// <param name="path">The path, with a query if any, such as <c>/chat?room=red</c>.</param>
    /// <param name="userId">The user, as the name identifier of an authenticated principal; <see langword="null"/> for an anonymous client.</param>
    /// <param name="configure">Changes the handshake.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The client, as <see cref="FakeNode.ConnectAsync"/> promises it.</returns>
    /// <exception cref="HandshakeRefusedException">The app answered with something else than a WebSocket.</exception>
    /// <exception cref="InvalidOperationException">The node does not run.</exception>
    public Task<FakeClient> ConnectAsync(
        int node, string path, string? userId = null, Action<FakeClientOptions>? configure = null, CancellationToken cancellationToken = default) =>
        _nodes[node].ConnectAsync(path, userId, configure, cancellationToken);

    /// <summary>
    /// Moves the clock from one due timer of the nodes to the next. After each, waits until every running node has done the heartbeat that was
    /// due, its observers have been told of claimed sessions, and idle clients have answered pings.
    /// </summary>
    /// <param name="by">How far.</param>
    /// <param name="cancellationToken">Ends the wait between two steps.</param>
    /// <exception cref="TimeoutException">A node did not do what was due within the guard, such as for an observer that does not return.</exception>
    public async Task AdvanceAsync(TimeSpan by, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        await _moving.WaitAsync(cancellationToken);
        try
        {
            var end = Time.GetUtcNow() + by;
            do
            {
                await StepAsync(end, cancellationToken);
            }
            while (Time.GetUtcNow() < end);
        }
        finally
        {
            _moving.Release();
        }
    }

    /// <summary>
    /// Kills a node, as <c>kill -9</c> does: it says nothing to anyone, its connections end without a close frame, and its lease runs out when
    /// the clock moves. Its handlers are not called; what is left of it ends with the cluster.
    /// </summary>
    /// <param name="node">The node's place in <see cref="Nodes"/>.</param>
    /// <exception cref="InvalidOperationException">The node does not run.</exception>
    public async Task CrashAsync(int node)
    {
        await _moving.WaitAsync();
        try
        {
            await Running(node).CrashAsync();
        }
        finally
        {
            _moving.Release();
        }
    }

    /// <summary>
    /// Stops a node as a deploy does: it drains, closing its connections with 1001, and signs off. The clock moves as far as that needs, which is
    /// the close timeout at least if a client does not read.
    /// </summary>
    /// <param name="node">The node's place in <see cref="Nodes"/>.</param>
    /// <param name="cancellationToken">Tells the host that there is no more time.</param>
    /// <exception cref="InvalidOperationException">The node does not run.</exception>
    public async Task StopAsync(int node, CancellationToken cancellationToken = default)
    {
        await _moving.WaitAsync(cancellationToken);
        try
        {
            var stopped = Running(node);
            stopped.SetStopped();
            await StopAsync(stopped, CancellationTokenSource.CreateLinkedTokenSource(cancellationToken), giveUp: false);
        }
        finally
        {
            _moving.Release();
        }
    }

    /// <summary>Cuts the backplane of all running nodes, those started later not included.</summary>
    public void CutBackplane() => Array.ForEach(_nodes, static node => node.Backplane.Cut());

    /// <summary>Gives all nodes their backplane back.</summary>
    public void RestoreBackplane() => Array.ForEach(_nodes, static node => node.Backplane.Restore());

    /// <summary>Waits until the session store shows so many nodes, and returns their ids.</summary>
    /// <param name="count">How many.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="TimeoutException">It did not, within the guard.</exception>
    public async Task<IReadOnlyList<string>> WaitForMembersAsync(int count, CancellationToken cancellationToken = default)
    {
        string[] ids = [];
        await _pulse.WaitUntilAsync(
            async () =>
            {
                ids = [.. (await Store.ListNodesAsync(cancellationToken)).Select(static node => node.NodeId)];
                return ids.Length == count;
            },
            () => $"the cluster has {count} nodes; it has [{string.Join(", ", ids)}]",
            cancellationToken);
        return ids;
    }

    /// <summary>Waits until the session store shows so many connections on all nodes together.</summary>
    /// <param name="count">How many.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="TimeoutException">It did not, within the guard.</exception>
    public async Task WaitForConnectionsAsync(int count, CancellationToken cancellationToken = default)
    {
        long connections = 0;
        await _pulse.WaitUntilAsync(
            async () =>
            {
                connections = 0;
                foreach (var node in await Store.ListNodesAsync(cancellationToken))
                {
                    connections += await Store.CountAsync(SessionQuery.ForNode(node.NodeId), cancellationToken);
                }

                return connections == count;
            },
            () => $"the cluster has {count} connections; it has {connections}",
            cancellationToken);
    }

    /// <summary>Waits until so many sessions match, such as the members of a group: a join that the session store shows is in force.</summary>
    /// <param name="query">Which sessions.</param>
    /// <param name="count">How many.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The sessions.</returns>
    /// <exception cref="TimeoutException">It did not happen within the guard.</exception>
    public async Task<IReadOnlyList<Session>> WaitForSessionsAsync(SessionQuery query, int count, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        List<Session> sessions = [];
        await _pulse.WaitUntilAsync(
            async () =>
            {
                sessions = [];
                await foreach (var session in Store.ListAsync(query, cancellationToken))
                {
                    sessions.Add(session);
                }

                return sessions.Count == count;
            },
            () => $"{count} sessions match {query}; {sessions.Count} do",
            cancellationToken);
        return sessions;
    }

    /// <summary>Waits until the nodes have told of at least so many ended sessions.</summary>
    /// <param name="count">How many.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>All that have been told of.</returns>
    /// <exception cref="TimeoutException">It did not happen within the guard.</exception>
    public async Task<IReadOnlyList<SessionEnded>> WaitForSessionsEndedAsync(int count, CancellationToken cancellationToken = default)
    {
        await _pulse.WaitUntilAsync(
            () => SessionsEnded.Count >= count, () => $"{count} sessions have been told to have ended; {SessionsEnded.Count} have", cancellationToken);
        return SessionsEnded;
    }

    /// <summary>Waits until the nodes have told of at least so many possible losses.</summary>
    /// <param name="count">How many.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>All that have been told of.</returns>
    /// <exception cref="TimeoutException">It did not happen within the guard.</exception>
    public async Task<IReadOnlyList<PossibleLoss>> WaitForPossibleLossesAsync(int count, CancellationToken cancellationToken = default)
    {
        await _pulse.WaitUntilAsync(
            () => PossibleLosses.Count >= count, () => $"{count} possible losses have been told of; {PossibleLosses.Count} have", cancellationToken);
        return PossibleLosses;
    }

    /// <summary>Cuts all connections, stops all nodes, and clears away those that were crashed.</summary>
    public async ValueTask DisposeAsync()
    {
        await _moving.WaitAsync();
        try
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            foreach (var node in _nodes)
            {
                await node.ClearAsync();
                if (node.State == FakeNodeState.Running)
                {
                    node.SetStopped();
                    await StopAsync(node, new(), giveUp: true);
                }

                var disposal = _code.RunAsync(() => node.App.DisposeAsync().AsTask());
                await PassTimeUntilAsync(disposal, node, static () => true, new(), giveUp: false);
            }
        }
        finally
        {
            _moving.Release();
        }
    }

    /// <summary>The same, and waits for it. Prefer <see cref="DisposeAsync"/>, which holds up no thread.</summary>
    /// <exception cref="TimeoutException">It did not end within the guard.</exception>
    public void Dispose() => Task.Run(() => DisposeAsync().AsTask()).WaitAsync(Eventually.Guard).GetAwaiter().GetResult();

    private ISessionStore Store => Array.Find(_nodes, static node => node.State == FakeNodeState.Running)?.SessionStore
        ?? throw new InvalidOperationException("No node runs, so there is nobody to ask. Start one with AddNodeAsync.");

    private FakeNode Running(int node) => _nodes[node] is { State: FakeNodeState.Running } running
        ? running
        : throw new InvalidOperationException($"Node {node} does not run: it was {(_nodes[node].State == FakeNodeState.Crashed ? "crashed" : "stopped")}.");

    /// <summary>Node ids are random, so a node's own channel is drawn for by the place of the node.</summary>
    private string NameForDraw(string channel)
    {
        foreach (var node in _nodes)
        {
            channel = channel.Replace(node.NodeId, $"{node.Index}", StringComparison.Ordinal);
        }

        return channel;
    }

    private async Task StopAsync(FakeNode node, CancellationTokenSource noMoreTime, bool giveUp)
    {
        using (noMoreTime)
        {
            var clients = Array.FindAll(node.Clients, static client => !client.IsServerDone);
            var timers = node.Clock.CreatedCount;
            var ticks = 0;
            var stop = _code.RunAsync(() => ((IHost)node.App).StopAsync(noMoreTime.Token));
            await PassTimeUntilAsync(
                stop,
                node,
                () =>
                {
                    if (giveUp)
                    {
                        return Array.TrueForAll(clients, static client => client.IsServerDone); // all have been cut
                    }

                    // The drain has a timer until it closes more, and each connection that it closes one for the client's answer.
                    var told = Math.Min(clients.Length, ClosedAtOnce * (ticks + 1));
                    if (node.Clock.CreatedCount - timers < told + ticks + 1 || Array.Exists(clients, static client => client.IsEnding))
                    {
                        return false;
                    }

                    // Those that have been told end without time, unless they do not read.
                    var reading = clients.Count(static client => !client.IsReadingPaused);
                    return clients.Count(static client => client.IsServerDone) >= Math.Min(reading, told - (clients.Length - reading));
                },
                noMoreTime,
                giveUp,
                () => ticks++);
        }
    }

    /// <summary>Moves the clock until something is done, but only for a timer that waits for it, and not before what needs no time is done.</summary>
    private async Task PassTimeUntilAsync(Task work, FakeNode node, Func<bool> mayPass, CancellationTokenSource noMoreTime, bool giveUp, Action? onStep = null)
    {
        var patient = true;
        while (!work.IsCompleted)
        {
            patient = patient && await ClusterCode.HoldsInTurnAsync(() => work.IsCompleted || (mayPass() && node.Clock.NextDue <= Time.GetUtcNow() + s_drainTick));
            if (!patient && giveUp)
            {
                await noMoreTime.CancelAsync();
            }

            if (!work.IsCompleted)
            {
                await StepAsync(Time.GetUtcNow() + s_drainTick, CancellationToken.None);
                onStep?.Invoke();
            }
        }

        await work;
    }

    /// <summary>Moves the clock to the next timer that is due, but not past a moment, and waits for what the nodes do.</summary>
    private async Task StepAsync(DateTimeOffset latest, CancellationToken cancellationToken)
    {
        var next = latest;
        foreach (var node in _nodes)
        {
            if (node.Clock.NextDue is { } due)
            {
                // One that is due and has not called back was armed while the clock moved: it follows at once.
                due = due > Time.GetUtcNow() ? due : Time.GetUtcNow() + s_least;
                next = due < next ? due : next;
            }
        }

        var idle = _nodes.Where(static node => node.State == FakeNodeState.Running).SelectMany(static node => node.Clients)
            .Where(static client => client.IsIdle).ToArray();
        var by = next - Time.GetUtcNow();

        await _code.RunAsync(() => Time.Advance(by > TimeSpan.Zero ? by : TimeSpan.Zero), cancellationToken); // timers call back inline
        await _code.SettleAsync();
        await _pulse.WaitUntilAsync(
            () => Array.TrueForAll(_nodes, static node => node.HasDoneWhatIsDue)
                && Array.TrueForAll(idle, static client => client is { IsIdle: true, OwesPong: false } or { HasEnded: true } or { IsReadingPaused: true }),
            () => Array.Find(_nodes, static node => !node.HasDoneWhatIsDue) is { } late
                ? $"node {late.Index} has done its heartbeat and told its observers of what it claimed"
                : "the clients have answered pings",
            cancellationToken);
    }
}
