using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>Meets the nodes that are connected to other servers of a NATS cluster, and notices when they cannot be heard.</summary>
internal sealed partial class NatsBackplane
{
    private const int MaxAnswering = 64;

    // Answers by the other servers of a cluster arrive soon after the one by this node's own; how many there will be is not known at first.
    private static readonly TimeSpan PeersSettle = TimeSpan.FromMilliseconds(100);

    private NatsPeerSubscription? _peer;
    private NatsArrivalSubscription? _arrivals;
    private volatile bool _isPeerRefused;
    private volatile bool _isArrivalsRefused;
    private volatile string? _announced;
    private long _connectedAt;
    private int _answering;

    /// <summary>In a cluster of servers, answers for this node's server, and waits for the others to answer.</summary>
    private async Task MeetPeersAsync(TimeSpan settle, CancellationToken stop)
    {
        if (_connection.ServerInfo is not { Cluster.Length: > 0 } info)
        {
            return;
        }

        // Known before they are awaited, so that disposal finds them.
        if (_arrivals is null or { HasFailed: true } || _isArrivalsRefused)
        {
            var old = _arrivals;
            _isArrivalsRefused = false;
            _arrivals = new NatsArrivalSubscription(_connection, _removals, _arrivalSubject, _peers.Arrive);
            await ReplaceAsync(old, _arrivals).ConfigureAwait(false);
        }

        if (_peer is null or { HasFailed: true } || _peer.QueueGroup != info.Id || _isPeerRefused)
        {
            var old = _peer;
            _isPeerRefused = false;
            _peer = new NatsPeerSubscription(_connection, _removals, _peerSubject, info.Id, OnPeerAsked);
            _connectedAt = _time.GetTimestamp();
            await ReplaceAsync(old, _peer).ConfigureAwait(false);
        }

        if (_announced != info.Id)
        {
            // Nodes elsewhere wait for answers from this server from now on, and hear it before this node publishes anything.
            _announced = info.Id; // before it is sent: a refusal takes it back
            try
            {
                await AwaitAsync(_connection.PublishAsync(_arrivalSubject, info.Id, serializer: NatsArrivalSubscription.Serializer).AsTask()).ConfigureAwait(false);
            }
            catch (Exception)
            {
                _announced = null;
                throw;
            }
        }

        await _peers.DiscoverAsync(info.Id).WaitAsync(ProofTimeout, _time, stop).ConfigureAwait(false);
        if (settle > TimeSpan.Zero)
        {
            await Task.Delay(settle, _time, stop).ConfigureAwait(false);
        }

        async Task ReplaceAsync(NatsSubscription? old, NatsSubscription next)
        {
            var beginning = next.BeginAsync();
            var ending = old?.EndAsync() ?? Task.CompletedTask;
            ending.Observe();
            await AwaitAsync(beginning).ConfigureAwait(false);
            await AwaitAsync(ending).ConfigureAwait(false);
        }

        Task AwaitAsync(Task task)
        {
            task.Observe();
            return task.WaitAsync(ProofTimeout, _time, stop);
        }
    }

    /// <summary>Notes a refusal, so that what was refused is tried again at the next meeting: the permission may be given meanwhile.</summary>
    private void OnPeersRefused(NatsViolation violation)
    {
        if (!violation.IsSubscription)
        {
            if (violation.Subject == _arrivalSubject)
            {
                _announced = null; // a question is asked again anyway
            }
        }
        else if (violation.Subject == _peerSubject)
        {
            _isPeerRefused = true;
        }
        else
        {
            _isArrivalsRefused = true;
        }
    }

    private async Task MeetPeersAgainAsync(CancellationToken stop)
    {
        if (LookAtRoutes() is { } since && _peers.Any)
        {
            var server = _connection.ServerInfo?.Name;
            Log.RouteBroke(_logger, server);
            _monitor.ReportPossibleLoss($"The NATS server {server} lost another one of its cluster for a moment.", _time.GetUtcNow() - since);
        }

        try
        {
            await MeetPeersAsync(settle: TimeSpan.Zero, stop).ConfigureAwait(false);
        }
        catch (Exception exception) when (NatsErrors.IsOutage(exception, stop))
        {
            // A lost connection is reported by its event, one that does not deliver by the next proof.
        }
    }

    private TimeSpan? LookAtRoutes()
    {
        var info = _connection.ServerInfo;
        return _routes.Look(NatsEpoch.Of(info), info?.ClientConnectUrls);
    }

    private void OnPeerAsked(ulong number, string replyTo)
    {
        // Anyone who may publish can ask; answers go only where nodes listen for them, and only so many at a time.
        if (!replyTo.StartsWith(_probeSubjects, StringComparison.Ordinal) || _connection.ServerInfo is not { } info)
        {
            return;
        }

        if (Interlocked.Increment(ref _answering) > MaxAnswering)
        {
            Interlocked.Decrement(ref _answering);
            return;
        }

        AnswerAsync(new NatsPeerAnswer(number, _time.GetElapsedTime(_connectedAt), info.Id), replyTo).Observe();
    }

    private async Task AnswerAsync(NatsPeerAnswer answer, string replyTo)
    {
        try
        {
            await _connection.PublishAsync(replyTo, answer, serializer: NatsPeerAnswer.Serializer).ConfigureAwait(false);
        }
        catch (Exception exception) when (NatsErrors.IsOutage(exception, CancellationToken.None))
        {
            // Whoever asked waits for a bounded time.
        }
        finally
        {
            Interlocked.Decrement(ref _answering);
        }
    }

    private void OnPeerAnswered(NatsPeerAnswer answer) => _peers.Receive(answer.Number, answer.Server, answer.ConnectedFor);

    void INatsPeersEvents.OnSilent(string server) => Log.PeerSilent(_logger, server);

    void INatsPeersEvents.OnHeardAgain(string server, DateTimeOffset since)
    {
        Log.PeerHeardAgain(_logger, server, since);
        _monitor.ReportPossibleLoss($"The NATS server {server} was cut off from the one that this node is connected to.", since);
    }
}
