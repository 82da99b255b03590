namespace DistributedSockets;

/// <summary>The roster of a hub in this process: a snapshot, and the news that come after it.</summary>
internal sealed partial class PresenceRoster : IPresenceRoster
{
    private const int NoOutage = -1; // no number of an outage

    // For how long news of somebody who has gone may still be under way.
    private static readonly TimeSpan s_absentKept = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly PresenceOrigins _origins = new();
    private readonly HubConnections _hub;
    private readonly LocalNode _node;
    private readonly NodeHealth _health;
    private readonly ChannelSubscriptions _subscriptions;
    private readonly Lazy<IPresenceStore> _store;
    private readonly TimeSpan _leaseExpiry;
    private readonly TimeProvider _time;
    private readonly FailSafeLogger _logger;
    private PresenceMirror _mirror = new(null, 0);
    private List<(string Epoch, PresenceNews News)>? _meanwhile;
    private TaskCompletionSource _wanted = NewSignal();
    private TaskCompletionSource _read = NewSignal();
    private TaskCompletionSource? _first = NewSignal(); // until the first snapshot has been read
    private Task? _loop;
    private int _outages = NoOutage; // of the backplane, when the snapshot was begun
    private bool _isCurrent;
    private bool _isLookDue;

    internal PresenceRoster(
        HubConnections hub,
        LocalNode node,
        NodeHealth health,
        ChannelSubscriptions subscriptions,
        Func<IPresenceStore> store,
        LossReporter losses,
        TimeSpan leaseExpiry,
        TimeProvider time,
        FailSafeLogger logger)
    {
        _hub = hub;
        _node = node;
        _health = health;
        _subscriptions = subscriptions;
        _store = new(store);
        _leaseExpiry = leaseExpiry;
        _time = time;
        _logger = logger;
        losses.Lost += () =>
        {
            lock (_gate)
            {
                RequestLocked();
            }
        };
    }

    public string Hub => _hub.Name;

    public bool IsCurrent
    {
        get
        {
            EnsureStarted();
            lock (_gate)
            {
                return IsCurrentLocked();
            }
        }
    }

    public int Count
    {
        get
        {
            EnsureStarted();
            lock (_gate)
            {
                return _mirror.Users.Count;
            }
        }
    }

    public async ValueTask WaitUntilReadAsync(CancellationToken cancellationToken = default)
    {
        EnsureStarted();
        Task first;
        lock (_gate)
        {
            first = _first?.Task ?? Task.CompletedTask;
        }

        if (_stopping.IsCancellationRequested && !first.IsCompleted)
        {
            throw Stopping();
        }

        await first.WaitAsync(cancellationToken);
    }

    public async ValueTask WaitUntilCurrentAsync(CancellationToken cancellationToken = default)
    {
        EnsureStarted();
        while (true)
        {
            Task read;
            lock (_gate)
            {
                if (IsCurrentLocked())
                {
                    return;
                }

                read = _read.Task;
            }

            if (_stopping.IsCancellationRequested)
            {
                throw Stopping();
            }

            await read.WaitAsync(cancellationToken);
        }
    }

    public bool IsOnline(string userId)
    {
        ArgumentNullException.ThrowIfNull(userId);
        EnsureStarted();
        lock (_gate)
        {
            return _mirror.IsPresent(new(userId, null));
        }
    }

    public bool IsInGroup(string userId, string group)
    {
        ArgumentNullException.ThrowIfNull(userId);
        ArgumentNullException.ThrowIfNull(group);
        EnsureGroups();
        lock (_gate)
        {
            return _mirror.IsPresent(new(userId, group));
        }
    }

    public int CountInGroup(string group)
    {
        ArgumentNullException.ThrowIfNull(group);
        EnsureGroups();
        lock (_gate)
        {
            return _mirror.UsersIn(group).Count;
        }
    }

    public IReadOnlyList<string> ListUsers()
    {
        EnsureStarted();
        lock (_gate)
        {
            return [.. _mirror.Users];
        }
    }

    public IReadOnlyList<string> ListUsersInGroup(string group)
    {
        ArgumentNullException.ThrowIfNull(group);
        EnsureGroups();
        lock (_gate)
        {
            return [.. _mirror.UsersIn(group)];
        }
    }

    /// <summary>Takes what a node announces. Never waits.</summary>
    internal void OnAnnounced(ReadOnlySpan<byte> origin, PresenceAnnouncement announcement)
    {
        lock (_gate)
        {
            switch (_origins.Note(origin, announcement))
            {
                case PresenceHole.Certain:
                    RequestLocked();
                    break;
                case PresenceHole.Possible:
                    _isLookDue = true; // once for all who are heard within a heartbeat
                    break;
            }

            if (!announcement.IsSettled)
            {
                return; // what is known stays until the records are a whole again
            }

            if (announcement.Epoch != _mirror.Epoch)
            {
                RequestLocked();
            }

            var now = _time.GetTimestamp();
            foreach (var news in announcement.News)
            {
                _meanwhile?.Add((announcement.Epoch, news));
                if (announcement.Epoch == _mirror.Epoch)
                {
                    _mirror.Apply(news, now);
                }
            }

            _mirror.Forget(now - (long)(s_absentKept.TotalSeconds * _time.TimestampFrequency));
        }
    }

    /// <summary>A heartbeat of this node: whoever was first heard since the last one may have announced something that was missed.</summary>
    internal void Beat()
    {
        lock (_gate)
        {
            if (_isLookDue)
            {
                _isLookDue = false;
                RequestLocked();
            }
        }
    }

    internal async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAllAsync();
        Task loop;
        lock (_gate)
        {
            loop = _loop ??= Task.CompletedTask;
            _read.TrySetResult(); // whoever waits would wait for ever
            _first?.TrySetException(Stopping());
            _first?.Task.Observe();
        }

        await loop.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private InvalidOperationException Stopping() => new($"The node is stopping, so the roster of hub '{Hub}' is read no more.");

    private bool IsCurrentLocked() =>
        _isCurrent && !_health.IsBackplaneAway && !_health.IsBackplanePartlyAway && _outages == _health.BackplaneOutages;

    private void RequestLocked()
    {
        _isCurrent = false;
        _wanted.TrySetResult();
    }

    private void EnsureGroups()
    {
        EnsureStarted();
        if (_hub.Presence?.Scope != PresenceScope.UsersAndGroups)
        {
            throw new InvalidOperationException($"Hub '{Hub}' keeps no presence of groups. Set HubOptions.Presence to UsersAndGroups on all of its nodes.");
        }
    }

    private void EnsureStarted()
    {
        if (Volatile.Read(ref _loop) is not null)
        {
            return;
        }

        if (_hub.Presence is null)
        {
            throw new InvalidOperationException($"Hub '{Hub}' keeps no presence. Set HubOptions.Presence to Users or UsersAndGroups on all of its nodes, and here.");
        }

        _ = _store.Value; // says so if it cannot keep presence
        _node.ThrowIfNotStarted();
        lock (_gate)
        {
            if (_loop is null)
            {
                _hub.Roster = this;
                _loop = Task.Run(() => RunAsync(_stopping.Token));
            }
        }
    }
}
