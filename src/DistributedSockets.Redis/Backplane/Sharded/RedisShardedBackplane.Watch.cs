using System.Net;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Follows the slots of the cluster, and says which part of it is away.</summary>
internal sealed partial class RedisShardedBackplane
{
    private const int Witnesses = 3;
    private const int ReplaceAfterFailures = 20;

    private static readonly Version MinVersion = new(7, 0);
    private static readonly TimeSpan CalmInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan UrgentInterval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(1); // who is slower does not hold up what others know
    private static readonly TimeSpan MinInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>How long the nodes of the cluster may take to hear from each other that a slot has moved.</summary>
    private static readonly TimeSpan Gossip = TimeSpan.FromSeconds(10);

    private readonly TaskCompletionSource _firstAttempt = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TransportMonitor _monitor;
    private readonly Lock _reporting = new();
    private readonly Dictionary<EndPoint, RedisShard> _shards = [];
    private volatile bool _hasStartEnded;
    private volatile RedisShard[] _live = [];
    private RedisShard?[] _targets = new RedisShard?[RedisSlots.Count];
    private HashSet<RedisTopology.Claim> _claims = [];
    private DateTimeOffset _confirmedAt;
    private int _failures;
    private bool _saidUnfit;
    private volatile Exception? _watchProblem;
    private volatile int _lostSlots;
    private volatile int _misplaced;

    /// <summary>Has the slots looked up now rather than at the next interval.</summary>
    internal void Doubt() => _monitor.CheckNow();

    internal void OnAway(RedisShard shard, bool isNew, Exception? cause)
    {
        if (isNew)
        {
            Log.PrimaryAway(_logger, shard.EndPoint, cause);
        }

        Evaluate(isNews: true);
        Doubt();
    }

    internal void OnBack(RedisShard shard, DateTimeOffset since)
    {
        Log.PrimaryBack(_logger, shard.EndPoint);
        lock (_reporting)
        {
            Evaluate();
            if (_monitor.State == TransportState.PartlyUnavailable)
            {
                _monitor.ReportPossibleLoss($"The primary {shard.EndPoint} was away.", since - RedisBackplane.Unnoticed);
            }
        }

        Doubt();
    }

    /// <summary>Watches for as long as the backplane lives. What becomes of the primaries is told by <see cref="Evaluate"/>.</summary>
    private async Task HoldAsync(TransportHold hold, CancellationToken stop)
    {
        while (true)
        {
            try
            {
                await WatchAsync(stop).ConfigureAwait(false);
                EndStart(null);
            }
            catch (Exception exception) when (!stop.IsCancellationRequested)
            {
                Log.WatchCrashed(_logger, exception);
                EndStart(exception);
            }

            await Task.Delay(MinInterval, _time, stop).ConfigureAwait(false); // whatever is in doubt, and how often
            await hold.WaitAsync(_monitor.State == TransportState.Available ? CalmInterval : UrgentInterval, stop).ConfigureAwait(false);
        }
    }

    private async Task WatchAsync(CancellationToken stop)
    {
        try
        {
            var claims = await AskAsync(stop).ConfigureAwait(false);
            (_failures, _watchProblem) = (0, null);
            if (!claims.SetEquals(_claims))
            {
                await ApplyAsync(new RedisTopology(claims), stop).ConfigureAwait(false);
                _claims = claims;
            }
            else if (_misplaced > 0)
            {
                await PlaceAllAsync(stop).ConfigureAwait(false);
            }

            _confirmedAt = Now;
        }
        catch (Exception exception) when (exception is BackplaneUnavailableException || RedisErrors.IsOutage(exception, stop))
        {
            _failures++;
            if (_live.Length == 0 || _failures == Witnesses)
            {
                if (_watchProblem is null && _claims.Count == 0)
                {
                    Log.NotThereYet(_logger, exception); // the node's start tells of it
                }
                else if (_watchProblem is null)
                {
                    Log.SlotsUnknown(_logger, exception);
                }

                _watchProblem = exception;
            }

            if (_connection.IsOwned && _failures % ReplaceAfterFailures == 0)
            {
                await _connection.CloseAsync().ConfigureAwait(false);
            }
        }

        Evaluate();
    }

    /// <summary>Asks some nodes of the cluster who owns which slot; all while something is the matter.</summary>
    private async Task<HashSet<RedisTopology.Claim>> AskAsync(CancellationToken stop)
    {
        var multiplexer = await _connection.GetAsync().WaitAsync(stop).ConfigureAwait(false);
        var servers = multiplexer.GetServers().Where(static server => server.IsConnected).ToArray();
        if (servers.Length == 0)
        {
            var cause = await _connection.WhyDisconnectedAsync(multiplexer).ConfigureAwait(false);
            throw new BackplaneUnavailableException($"The Redis Cluster is not connected. {cause?.GetBaseException().Message}", cause);
        }

        if (Array.Find(servers, static server => server.ServerType != ServerType.Cluster || server.Version < MinVersion) is { } unfit)
        {
            var problem = unfit.ServerType == ServerType.Cluster
                ? $"ShardedPubSub needs Redis {MinVersion} or later, but {unfit.EndPoint} is {unfit.Version}."
                : $"ShardedPubSub needs a Redis Cluster, but {unfit.EndPoint} is none.";
            if (!_saidUnfit)
            {
                _saidUnfit = true;
                Log.NotSharded(_logger, problem);
            }

            throw new BackplaneUnavailableException(problem + " Switch the option off, or give the address of such a cluster.");
        }

        if (_monitor.State == TransportState.Available && servers.Length > Witnesses)
        {
            Random.Shared.Shuffle(servers);
            servers = servers[..Witnesses];
        }

        Exception? failure = null;
        var answers = await Task.WhenAll(servers.Select(async server =>
        {
            try
            {
                return await RedisTopology.AskAsync(server).WithinAsync(AnswerLimit, _time, stop).ConfigureAwait(false);
            }
            catch (Exception exception) when (RedisErrors.IsOutage(exception, stop))
            {
                failure = exception;
                return [];
            }
        })).ConfigureAwait(false);
        HashSet<RedisTopology.Claim> claims = [.. answers.SelectMany(static answer => answer)];
        return claims.Count > 0
            ? claims
            : throw new BackplaneUnavailableException($"No node of the Redis Cluster says who owns which slot: {failure?.Message}", failure);
    }

    private void EndStart(Exception? cause)
    {
        if (!_firstAttempt.Task.IsCompleted)
        {
            _watchProblem ??= _live.Length == 0 ? cause : null;
            _hasStartEnded = true;
            Evaluate();
            _firstAttempt.TrySetResult(); // after the report, which so comes before the start is done
        }
    }

    /// <summary>Compares what there is with what was reported, and reports what has changed.</summary>
    private void Evaluate(bool isNews = false)
    {
        lock (_reporting)
        {
            var live = _live;
            var away = Array.FindAll(live, static shard => !shard.IsAvailable);
            var state = away.Length == live.Length ? TransportState.Unavailable
                : away.Length > 0 || _lostSlots > 0 || _misplaced > 0 || _watchProblem is not null ? TransportState.PartlyUnavailable
                : TransportState.Available;
            var before = _monitor.State;
            if (before == TransportState.Starting && state != TransportState.Available && !_hasStartEnded)
            {
                return; // StartAsync waits for it, and then it is reported
            }

            if (state == TransportState.Available && before == TransportState.Starting)
            {
                Log.Sharded(_logger, live.Length);
            }

            _monitor.Report(state, state != before || isNews ? Describe(away) : null);
        }
    }

    private Exception? Describe(RedisShard[] away)
    {
        if (away.Length > 0)
        {
            var problem = away[0].Problem;
            return new BackplaneUnavailableException(
                $"{away.Length} of {_live.Length} primaries of the Redis Cluster are away, such as {away[0].EndPoint}. {problem?.Message}", problem);
        }

        return _lostSlots > 0
            ? new BackplaneUnavailableException($"{_lostSlots} slots of the Redis Cluster have no primary. Check the cluster.", _watchProblem)
            : _watchProblem;
    }

    private void ReportMove(RedisShard[] former, bool wasAvailable)
    {
        var since = former.Select(static shard => shard.IsAvailable ? DateTimeOffset.MaxValue : shard.AwaySince - RedisBackplane.Unnoticed)
            .Append(_confirmedAt - Gossip)
            .Min();
        lock (_reporting)
        {
            // If it was away and is not any more, the report that it is back says so.
            if (wasAvailable || _monitor.State != TransportState.Available)
            {
                _monitor.ReportPossibleLoss("Slots of the Redis Cluster have moved to another primary.", since);
            }
        }

        _monitor.ReportPossibleLossLater(
            "Slots of the Redis Cluster had moved to another primary; nodes that heard of it earlier or later were not heard.", since, RedisBackplane.AllHaveMoved);
    }
}
