namespace DistributedSockets;

/// <summary>Tells when every other server of a NATS cluster that nodes are connected to knows the subscriptions made before.</summary>
/// <remarks>
/// A server tells the others of a subscription and goes on: one that another node publishes through may hear of it after the marker has come back.
/// What it hears from one server it hears in order, though. So a question sent after the subscription reaches a node there after the
/// subscription has reached its server, and when the answer is back the subscription is in force there. Nodes answer in a queue group per
/// server, so one question costs one answer per server however many nodes there are. One question is under way at a time; all that is
/// subscribed meanwhile shares the next one.
/// </remarks>
/// <param name="ask">Sends a question.</param>
/// <param name="patience">How long an answer may take before its server counts as left or cut off.</param>
/// <param name="time">The clock.</param>
/// <param name="events">Hears of servers that fall silent and return.</param>
internal sealed class NatsPeers(Func<ulong, ValueTask> ask, TimeSpan patience, TimeProvider time, INatsPeersEvents events)
{
    // Anyone who may publish can invent servers.
    private const int MaxServers = 256;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _heard = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (long Heard, DateTimeOffset Since)> _silent = new(StringComparer.Ordinal);
    private Round? _underWay;
    private Round? _waiting;
    private ulong _number;
    private string _own = "";

    /// <summary>Whether nodes are known that are connected to other servers.</summary>
    public bool Any
    {
        get
        {
            lock (_gate)
            {
                return _heard.Count > 0;
            }
        }
    }

    /// <summary>Completes when every server that is known has answered a question sent after the call, or has not for too long.</summary>
    public Task PassAsync() => Any ? JoinRoundAsync() : Task.CompletedTask;

    /// <summary>Asks who is there, and completes when this node's own server and every server that is known have answered.</summary>
    /// <param name="own">The server that this node is connected to.</param>
    public Task DiscoverAsync(string own)
    {
        lock (_gate)
        {
            _own = own;
            _heard.Remove(own);
            _silent.Remove(own);
        }

        return JoinRoundAsync();
    }

    /// <summary>Notes that a node has connected to a server, and will answer.</summary>
    public void Arrive(string server)
    {
        lock (_gate)
        {
            if (server != _own && _heard.Count < MaxServers)
            {
                _heard.TryAdd(server, time.GetTimestamp());
            }
        }
    }

    /// <summary>Takes an answer.</summary>
    /// <param name="number">The question's number.</param>
    /// <param name="server">The server that the answering node is connected to.</param>
    /// <param name="connectedFor">For how long it has been connected to it.</param>
    public void Receive(ulong number, string server, TimeSpan connectedFor)
    {
        Round? passed = null;
        Round? launched = null;
        DateTimeOffset? unheardSince = null;
        lock (_gate)
        {
            if (server != _own && (_heard.ContainsKey(server) || _heard.Count < MaxServers))
            {
                _heard[server] = time.GetTimestamp();

                // A node that connected later proves nothing: until then there may have been nobody to hear.
                if (_silent.Remove(server, out var silence) && connectedFor >= time.GetElapsedTime(silence.Heard))
                {
                    unheardSince = silence.Since;
                }
            }

            if (_underWay is { } round && round.Number == number && round.Awaited.Remove(server) && round.Awaited.Count == 0)
            {
                passed = round;
                launched = Launch();
            }
        }

        if (unheardSince is { } since)
        {
            events.OnHeardAgain(server, since);
        }

        passed?.Complete();
        Ask(launched);
    }

    /// <summary>Lets everything that waits go on: the connection was lost, which fails it anyway.</summary>
    public void Fail()
    {
        Round? underWay;
        Round? waiting;
        lock (_gate)
        {
            (underWay, waiting) = (_underWay, _waiting);
            (_underWay, _waiting) = (null, null);
        }

        underWay?.Complete();
        waiting?.Complete();
    }

    private Task JoinRoundAsync()
    {
        Round round;
        Round? launched = null;
        lock (_gate)
        {
            round = _waiting ??= new Round();
            if (_underWay is null)
            {
                launched = Launch();
            }
        }

        Ask(launched);
        return round.Task;
    }

    private Round? Launch()
    {
        _underWay = _waiting;
        _waiting = null;
        if (_underWay is { } round)
        {
            round.Number = ++_number;
            round.Awaited.Add(_own);
            round.Awaited.UnionWith(_heard.Keys);
        }

        return _underWay;
    }

    private void Ask(Round? round)
    {
        if (round is not null)
        {
            round.Expire(Expire, time, patience);
            AskAsync(round).Observe();
        }
    }

    private async Task AskAsync(Round round)
    {
        try
        {
            await ask(round.Number).ConfigureAwait(false);
        }
        catch (Exception exception) when (NatsErrors.IsOutage(exception, CancellationToken.None))
        {
            // The connection is lost, which fails the round, or its time runs out.
        }
    }

    private void Expire(Round round)
    {
        Round? launched;
        List<string> silent = [];
        lock (_gate)
        {
            if (!ReferenceEquals(_underWay, round))
            {
                return;
            }

            foreach (var server in round.Awaited)
            {
                if (_heard.Remove(server, out var heard))
                {
                    silent.Add(server);
                    if (_silent.Count < MaxServers)
                    {
                        _silent[server] = (heard, time.GetUtcNow() - time.GetElapsedTime(heard));
                    }
                }
            }

            launched = Launch();
        }

        foreach (var server in silent)
        {
            events.OnSilent(server);
        }

        round.Complete();
        Ask(launched);
    }

    private sealed class Round
    {
        private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private ITimer? _timer;

        public ulong Number { get; set; }

        public HashSet<string> Awaited { get; } = new(StringComparer.Ordinal);

        public Task Task => _completion.Task;

        public void Expire(Action<Round> expire, TimeProvider time, TimeSpan patience) =>
            _timer = time.CreateTimer(_ => expire(this), null, patience, Timeout.InfiniteTimeSpan);

        public void Complete()
        {
            _completion.TrySetResult();
            _timer?.Dispose();
        }
    }
}
