using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Sessions in two key-value buckets of JetStream, one for the nodes' leases and one for the sessions.</summary>
/// <remarks>
/// JetStream changes one key at a time, so the record of a session is the truth and its indexes only lead to it. A lease has run out when
/// the server's time of its last renewal lies further back than it lasts, by the server's time. Whoever claims first replaces the lease
/// by a mark, on condition that it was not renewed meanwhile, and takes only what was written before: a node that comes back finds
/// the mark, is told so, and writes its sessions anew. See <see cref="NatsSessionKeys"/> for the keys.
/// </remarks>
internal sealed partial class NatsSessionStore : ISessionStore
{
    // How many requests are under way at once.
    private const int InFlight = 512;

    // How often a lease that somebody else changes at the same time is tried.
    private const int LeaseAttempts = 5;

    // How many given-up marks may turn up one after the other.
    private const int MarkAttempts = 8;

    // What a server takes at once if it is told nothing else.
    private const int DefaultMaxPayload = 1_048_576;

    private static readonly TimeSpan MinRetryWait = TimeSpan.FromMilliseconds(10);

    private readonly ConcurrentDictionary<string, NatsOwnNode> _ownNodes = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _creating = new(1);
    private readonly SemaphoreSlim _claiming = new(1);
    private readonly CancellationTokenSource _stop = new();
    private readonly ServerClock _clock = new();
    private readonly NatsConnector _connector;
    private readonly NatsSessionKeys _keys;
    private readonly JetStreamBucket _nodes;
    private readonly JetStreamBucket _sessions;
    private readonly JetStreamBucket _presence;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly string _storage;
    private readonly int _replicas;
    private readonly ILogger _logger;
    private readonly RareLog _unreadableSessions;
    private readonly RareLog _unreadableNodes;
    private readonly RareLog _forgottenNodes;
    private readonly RareLog _otherSettings;
    private readonly RareLog _cutSessions;
    private volatile bool _created;

    public NatsSessionStore(
        IOptions<NatsSessionStoreOptions> options,
        IOptions<DistributedWebSocketsClusterOptions> clusterOptions,
        TimeProvider time,
        ILogger<NatsSessionStore>? logger = null)
    {
        var settings = options.Value;
        _logger = new FailSafeLogger(logger ?? NullLogger<NatsSessionStore>.Instance);
        _unreadableSessions = new(1, time);
        _unreadableNodes = new(1, time);
        _forgottenNodes = new(16, time);
        _otherSettings = new(2, time);
        _cutSessions = new(1, time);
        _timeout = settings.OperationTimeout;
        _time = time;
        _storage = settings.Storage == NatsStorage.File ? "file" : "memory";
        _replicas = settings.Replicas;
        _keys = new NatsSessionKeys(clusterOptions.Value.Prefix);
        _connector = new NatsConnector(settings, "DistributedSockets session store", makesRequests: true);
        _nodes = new JetStreamBucket(_connector, _keys.NodesBucket, settings.OperationTimeout, time, _stop.Token);
        _sessions = new JetStreamBucket(_connector, _keys.SessionsBucket, settings.OperationTimeout, time, _stop.Token);
        _presence = new JetStreamBucket(_connector, _keys.PresenceBucket, settings.OperationTimeout, time, _stop.Token);
    }

    public async ValueTask<bool> RenewLeaseAsync(NodeInfo node, TimeSpan expiry, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(node);
        var own = _ownNodes.GetOrAdd(node.NodeId, static _ => new());
        var lease = own.Lease = new()
        {
            NodeId = node.NodeId,
            Name = node.Name,
            StartedAt = node.StartedAt,
            Routing = node.Routing,
            Backplane = node.Backplane,
            Sealing = node.Sealing,
            Version = node.Version,
            AppVersion = node.AppVersion,
            Figures = node.Figures,
            Presence = node.Presence,
            Log = node.Log,
            Duration = NatsLeaseRecord.DurationOf(expiry),
        };
        return await RunAsync(
            async () =>
            {
                await RenewAsync(own, lease, cancellationToken).ConfigureAwait(false);
                return !own.TakeLoss();
            },
            cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask RemoveNodeAsync(string nodeId, CancellationToken cancellationToken = default)
    {
        var node = Token(nodeId);
        await RunAsync(
            async () =>
            {
                if (_ownNodes.TryGetValue(nodeId, out var own))
                {
                    await SettleAsync(node, own, cancellationToken).ConfigureAwait(false);
                }

                // The lease goes last: without it, another node would report the sessions as those of a lost node.
                await PurgeSessionsAsync(node, null, cancellationToken).ConfigureAwait(false);
                await _sessions.PurgeAsync(_keys.Written(node), null, cancellationToken).ConfigureAwait(false);
                await _nodes.PurgeAsync(_keys.Lease(node), null, cancellationToken).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
        _ownNodes.TryRemove(nodeId, out _);
    }

    public async ValueTask CommitAsync(string nodeId, IReadOnlyList<SessionChange> changes, CancellationToken cancellationToken = default)
    {
        var node = Token(nodeId);
        ArgumentNullException.ThrowIfNull(changes);
        if (changes.Count == 0)
        {
            return;
        }

        var own = _ownNodes.GetOrAdd(nodeId, static _ => new());
        await RunAsync(
            async () =>
            {
                await LoadGroupsAsync(node, own, cancellationToken).ConfigureAwait(false);
                var states = LastStates(nodeId, node, changes);
                await SettleAsync(node, own, cancellationToken).ConfigureAwait(false);
                own.IsUnsettled = true;
                own.Groups.Apply(nodeId, changes);
                await ForEachAsync(states, WriteAsync, cancellationToken).ConfigureAwait(false);
                await WriteSizesAsync(node, own, cancellationToken).ConfigureAwait(false);
                await ConfirmAsync(nodeId, node, own, cancellationToken).ConfigureAwait(false);
                own.IsUnsettled = false;
                return true;
            },
            cancellationToken).ConfigureAwait(false);

        Task WriteAsync(KeyValuePair<string, byte[]?> state) => state.Value is { } value
            ? _sessions.PutAsync(state.Key, value, null, cancellationToken)
            : _sessions.PurgeAsync(state.Key, null, cancellationToken);
    }

    public async ValueTask ResetAsync(string nodeId, CancellationToken cancellationToken = default)
    {
        var node = Token(nodeId);
        await RunAsync(
            async () =>
            {
                // Up to here only: if the answer to the deletion is late, so may the deletion be, and it must not take what is written next.
                ulong? last = _ownNodes.TryGetValue(nodeId, out var own) ? await WriteMarkAsync(node, own, cancellationToken).ConfigureAwait(false) : null;
                own?.Groups.Unload(); // loaded anew by the next commit, in case that this is given up half-way
                await PurgeSessionsAsync(node, last, cancellationToken).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false); // the client does not tell those who wait for an answer
        await _connector.DisposeAsync().ConfigureAwait(false);
    }

    private static string Token(string nodeId, [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(nodeId))] string? name = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(nodeId, name);
        return NatsKeyToken.Encode(nodeId);
    }

    /// <summary>Does something for each item, with many under way at once, and waits for all that were begun whatever becomes of them.</summary>
    private static async Task ForEachAsync<T>(IEnumerable<T> items, Func<T, Task> action, CancellationToken cancellationToken)
    {
        var inFlight = new Queue<Task>();
        Exception? failure = null;
        foreach (var item in items)
        {
            if (inFlight.Count == InFlight)
            {
                await EndOneAsync().ConfigureAwait(false);
            }

            if (failure is not null)
            {
                break;
            }

            inFlight.Enqueue(action(item));
        }

        while (inFlight.Count > 0)
        {
            await EndOneAsync().ConfigureAwait(false);
        }

        if (failure is not null)
        {
            cancellationToken.ThrowIfCancellationRequested();
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }

        async Task EndOneAsync()
        {
            try
            {
                await inFlight.Dequeue().ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                // A missing bucket is put right by the caller; what else fails while it is missing tells less.
                failure = failure is BucketMissingException ? failure : exception;
            }
        }
    }

    /// <summary>What the changes come to, per key: a value, or null for none. So their order is that of the changes, whatever the order of the requests.</summary>
    /// <remarks>A record holds a session as a whole, so it is made once, by the last change of the session.</remarks>
    private Dictionary<string, byte[]?> LastStates(string nodeId, string node, IReadOnlyList<SessionChange> changes)
    {
        var sessions = new Dictionary<string, SessionChange>(StringComparer.Ordinal);
        var states = new Dictionary<string, byte[]?>(StringComparer.Ordinal);
        foreach (var change in changes)
        {
            var kind = change.Kind;
            var (hub, connection) = (NatsKeyToken.Encode(change.Hub), NatsSessionKeys.Connection(nodeId, change.ConnectionId));
            var value = kind is SessionChangeKind.Saved or SessionChangeKind.GroupAdded ? Array.Empty<byte>() : null;
            sessions[_keys.Session(node, hub, connection)] = change;
            if (kind == SessionChangeKind.PropertiesSet)
            {
                continue; // they stand in the record
            }

            if (kind is SessionChangeKind.Saved or SessionChangeKind.Ended)
            {
                var session = change.Session;
                if (session.UserId is { } user)
                {
                    states[_keys.User(hub, NatsKeyToken.Encode(user), node, connection)] = value;
                }

                foreach (var name in session.Groups)
                {
                    states[_keys.Group(hub, NatsKeyToken.Encode(name), node, connection)] = value;
                }
            }
            else
            {
                var name = change.Group ?? throw new ArgumentException("A group change names no group.", nameof(changes));
                states[_keys.Group(hub, NatsKeyToken.Encode(name), node, connection)] = value;
            }
        }

        foreach (var (key, change) in sessions)
        {
            if (change.Kind == SessionChangeKind.Ended)
            {
                states[key] = null;
                continue;
            }

            // One that the server refuses would keep all sessions of the node from being written.
            var maxBytes = _connector.Connection.ServerInfo is { MaxPayload: > 0 } server ? server.MaxPayload : DefaultMaxPayload;
            states[key] = NatsSessionRecord.Write(nodeId, change.Session, maxBytes, out var isCut);
            if (isCut && _cutSessions.TryPass(out var others))
            {
                Log.GroupsLeftOut(_logger, InLog(change.ConnectionId), change.Session.Groups.Count, maxBytes, others);
            }
        }

        return states;
    }

    /// <summary>Writes that a commit is complete, and that the node exists.</summary>
    private async Task ConfirmAsync(string nodeId, string node, NatsOwnNode own, CancellationToken cancellationToken)
    {
        // A node whose lease is gone, as after a loss of the bucket, may have been forgotten, and its sessions would stay for ever if it
        // died now. So it gets a lease until it renews its own, and the renewal still tells that it was taken anew.
        var provisional = (own.Lease ?? new() { NodeId = nodeId }) with { IsProvisional = true };
        var leased = _nodes.PutAsync(_keys.Lease(node), provisional.Write(), expected: 0, cancellationToken);
        leased.Observe();

        await WriteMarkAsync(node, own, cancellationToken).ConfigureAwait(false);
        await leased.ConfigureAwait(false);
    }

    /// <summary>Waits until all that a commit asked for before it was given up is done, so that it comes before what is asked for next.</summary>
    private async Task SettleAsync(string node, NatsOwnNode own, CancellationToken cancellationToken)
    {
        if (own.IsUnsettled)
        {
            // Deletions and values take turns of their own in the server: one of each, behind those that were given up.
            await _sessions.PurgeAsync(_keys.NoSession(node), null, cancellationToken).ConfigureAwait(false);
            await WriteMarkAsync(node, own, cancellationToken).ConfigureAwait(false);
            own.IsUnsettled = false;
        }
    }

    /// <summary>Writes the message that everything before it is confirmed by, and notices if the one before it is not the last any more.</summary>
    private async Task<ulong> WriteMarkAsync(string node, NatsOwnNode own, CancellationToken cancellationToken)
    {
        var key = _keys.Written(node);
        for (var attempt = 1; own.Written is { } before; attempt++)
        {
            if (await _sessions.PutAsync(key, own.Writer, before, cancellationToken).ConfigureAwait(false) is { } written)
            {
                own.Written = written;
                return written;
            }

            // A mark of this store is itself a proof that the one before it was there: its writer did not wait for the answer.
            var there = await _sessions.GetLatestAsync(key, cancellationToken).ConfigureAwait(false);
            if (attempt == MarkAttempts || there is null || there.Sequence <= before || !own.Writer.AsSpan().SequenceEqual(there.Value))
            {
                own.Lose(there?.Sequence ?? 0); // before it is written anew: if the answer to that is lost, the next renewal still tells
                break;
            }

            own.Written = there.Sequence;
        }

        var anew = await _sessions.PutAsync(key, own.Writer, null, cancellationToken).ConfigureAwait(false)
            ?? throw new InvalidOperationException("A write without a condition was refused by its condition.");
        own.Written = anew;
        return anew;
    }

    private async Task RenewAsync(NatsOwnNode own, NatsLeaseRecord lease, CancellationToken cancellationToken)
    {
        var node = NatsKeyToken.Encode(lease.NodeId);
        var key = _keys.Lease(node);
        if (own.Written is { } written)
        {
            var last = await _sessions.GetLatestAsync(_keys.Written(node), cancellationToken).ConfigureAwait(false);
            var there = last?.Sequence ?? 0;
            if (there < written)
            {
                own.Lose(there);
            }
        }

        for (var attempt = 0; attempt < LeaseAttempts; attempt++)
        {
            var before = await _nodes.GetLatestAsync(key, cancellationToken).ConfigureAwait(false);
            var held = before is null ? null : NatsLeaseRecord.Read(before.Value);
            if (held is null or { IsLost: true } or { IsProvisional: true })
            {
                own.LoseLease(); // before it is written: if the answer to that is lost, the next renewal still tells
            }

            if (await _nodes.PutAsync(key, lease.Write(), before?.Sequence ?? 0, cancellationToken).ConfigureAwait(false) is null)
            {
                continue;
            }

            var after = await _nodes.GetLatestAsync(key, cancellationToken).ConfigureAwait(false);
            if (after is null)
            {
                continue;
            }

            _clock.Set(after.Time);
            if (before is not null && after.Time - before.Time > TimeSpan.FromMilliseconds(held?.Duration ?? 0))
            {
                own.LoseLease();
            }

            return;
        }

        throw new SessionStoreUnavailableException("The lease of this node is changed by somebody else all the time. Check that no other node has the same id.");
    }

    private async Task PurgeSessionsAsync(string node, ulong? last, CancellationToken cancellationToken)
    {
        string[] filters = [_keys.SessionsOf(node), _keys.UsersOf(node), _keys.GroupsOf(node), _keys.GroupSizesOf(node)];
        await ForEachAsync(filters, filter => _sessions.PurgeAsync(filter, last, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Does something with the buckets, which are created first, and again if they turn out to be missing.</summary>
    private Task<T> RunAsync<T>(Func<Task<T>> action, CancellationToken cancellationToken) =>
        RunAsync(action, CreateAsync, () => _created = false, cancellationToken);

    private async Task<T> RunAsync<T>(
        Func<Task<T>> action, Func<CancellationToken, Task> create, Action forgetCreation, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        for (var wait = MinRetryWait; ; wait *= 2)
        {
            await create(cancellationToken).ConfigureAwait(false);
            try
            {
                return await action().ConfigureAwait(false);
            }
            catch (BucketMissingException exception)
            {
                // One that somebody else has just created, or that has just lost its leader, exists and does not answer yet.
                forgetCreation();
                if (_time.GetElapsedTime(started) > _timeout)
                {
                    throw new SessionStoreUnavailableException(
                        "The session store's buckets in JetStream do not answer. Check that its servers are up; the session store tries again.", exception);
                }
            }
            catch (SessionStoreUnavailableException)
            {
                forgetCreation(); // some requests to a bucket that is gone are just not answered, so it is looked for next time
                throw;
            }

            await Task.Delay(wait, _time, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task CreateAsync(CancellationToken cancellationToken)
    {
        if (_created)
        {
            return;
        }

        await _creating.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_created)
            {
                await CreateAsync(_nodes, _keys.NodesBucket, cancellationToken).ConfigureAwait(false);
                await CreateAsync(_sessions, _keys.SessionsBucket, cancellationToken).ConfigureAwait(false);
                _created = true;
            }
        }
        finally
        {
            _creating.Release();
        }
    }

    private async Task CreateAsync(JetStreamBucket bucket, string name, CancellationToken cancellationToken)
    {
        if (await bucket.CreateAsync(_storage, _replicas, cancellationToken).ConfigureAwait(false) is { } others && _otherSettings.TryPass(out _))
        {
            Log.OtherSettings(_logger, name, others);
        }
    }
}
