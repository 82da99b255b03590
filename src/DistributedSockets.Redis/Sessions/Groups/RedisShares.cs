namespace DistributedSockets;

/// <summary>What a store remembers of a node's shares in the sizes of groups: the numbers of its writes, and what it has not written yet.</summary>
/// <remarks>As for <see cref="RedisWrites"/>, Redis may lose what it has confirmed, and the number in the hub's keys tells.</remarks>
/// <param name="first">A number that no earlier store of this node has reached.</param>
internal sealed class RedisShares(long first)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _confirmed = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HashSet<string>> _due = new(StringComparer.Ordinal);
    private long _last = first;

    /// <summary>Held while sizes are read and written, so that an older one never comes behind a newer one.</summary>
    public SemaphoreSlim Writing { get; } = new(1);

    /// <summary>The hubs in which the node has a share.</summary>
    public string[] Hubs
    {
        get
        {
            lock (_gate)
            {
                return [.. _confirmed.Keys];
            }
        }
    }

    /// <summary>Notes the groups whose sizes changes may change, until they have been written.</summary>
    public void Touch(IReadOnlyList<RedisSessionUpdate> updates)
    {
        lock (_gate)
        {
            foreach (var update in updates)
            {
                foreach (var (group, _) in update.Groups)
                {
                    if (!_due.TryGetValue(update.Hub, out var groups))
                    {
                        _due.Add(update.Hub, groups = new(StringComparer.Ordinal));
                    }

                    groups.Add(group);
                }
            }
        }
    }

    /// <summary>The groups whose sizes are to be written, by hub.</summary>
    public List<(string Hub, string[] Groups)> GetDue()
    {
        lock (_gate)
        {
            return [.. _due.Select(static pair => (pair.Key, pair.Value.ToArray()))];
        }
    }

    /// <summary>The number of the next write, and the one that the hub must have reached; empty for none.</summary>
    public (string Number, string Confirmed) Next(string hub)
    {
        lock (_gate)
        {
            return ((++_last).ToString(System.Globalization.CultureInfo.InvariantCulture), ConfirmedLocked(hub));
        }
    }

    /// <summary>The number that the hub must have reached; empty for none.</summary>
    public string Confirmed(string hub)
    {
        lock (_gate)
        {
            return ConfirmedLocked(hub);
        }
    }

    /// <summary>Notes that sizes have been written.</summary>
    public void Confirm(string hub, string number, IEnumerable<string> groups)
    {
        lock (_gate)
        {
            _confirmed[hub] = long.Parse(number, System.Globalization.CultureInfo.InvariantCulture);
            if (_due.TryGetValue(hub, out var due))
            {
                due.ExceptWith(groups);
                if (due.Count == 0)
                {
                    _due.Remove(hub);
                }
            }
        }
    }

    /// <summary>Notes that the node has no share in a hub any more.</summary>
    public void Forget(string hub)
    {
        lock (_gate)
        {
            _confirmed.Remove(hub);
            _due.Remove(hub);
        }
    }

    private string ConfirmedLocked(string hub) =>
        _confirmed.TryGetValue(hub, out var number) ? number.ToString(System.Globalization.CultureInfo.InvariantCulture) : "";
}
