namespace DistributedSockets;

/// <summary>The subjects of a hub that are present, by their records' versions. Guarded by whoever has it.</summary>
/// <param name="epoch">The epoch of the versions.</param>
/// <param name="floor">News with a version up to this are older than the mirror.</param>
internal sealed class PresenceMirror(string? epoch, long floor)
{
    private readonly long _floor = floor;
    private readonly Dictionary<PresenceSubject, (long Version, bool IsPresent)> _known = [];
    private readonly HashSet<string> _users = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HashSet<string>> _groups = new(StringComparer.Ordinal);
    private readonly Queue<(long At, PresenceSubject Subject, long Version)> _absent = new();

    internal string? Epoch => epoch;

    /// <summary>The largest version of which it has heard.</summary>
    internal long LastVersion { get; private set; } = floor;

    internal IReadOnlyCollection<string> Users => _users;

    internal IReadOnlyCollection<string> UsersIn(string group) => _groups.TryGetValue(group, out var users) ? users : [];

    internal bool IsPresent(PresenceSubject subject) => _known.TryGetValue(subject, out var known) && known.IsPresent;

    /// <summary>Takes what stands in a snapshot.</summary>
    internal void Load(PresenceSubject subject, long version) => Set(subject, isPresent: true, version);

    /// <summary>Takes news, unless something newer is known.</summary>
    /// <param name="news">The news.</param>
    /// <param name="now">When they came.</param>
    internal void Apply(in PresenceNews news, long now)
    {
        LastVersion = Math.Max(LastVersion, news.Version);
        if (_known.TryGetValue(news.Subject, out var known) ? !IsNewer(news, known) : news.Version <= _floor)
        {
            return;
        }

        Set(news.Subject, news.IsPresent, news.Version);
        if (!news.IsPresent)
        {
            _absent.Enqueue((now, news.Subject, news.Version));
        }
    }

    /// <summary>Forgets who went before a moment: older news of them are under way no more.</summary>
    internal void Forget(long before)
    {
        while (_absent.TryPeek(out var absent) && absent.At < before)
        {
            _absent.Dequeue();
            if (_known.TryGetValue(absent.Subject, out var known) && known == (absent.Version, false))
            {
                _known.Remove(absent.Subject);
            }
        }
    }

    // Whoever goes where no observer is to be told leaves no record: the news of it have the version of the record that was deleted.
    private static bool IsNewer(in PresenceNews news, (long Version, bool IsPresent) known) =>
        news.Version > known.Version || (news.Version == known.Version && known.IsPresent && !news.IsPresent);

    private void Set(PresenceSubject subject, bool isPresent, long version)
    {
        _known[subject] = (version, isPresent);
        if (subject.Group is not { } group)
        {
            if (isPresent)
            {
                _users.Add(subject.UserId);
            }
            else
            {
                _users.Remove(subject.UserId);
            }

            return;
        }

        if (isPresent)
        {
            if (!_groups.TryGetValue(group, out var users))
            {
                _groups.Add(group, users = new(StringComparer.Ordinal));
            }

            users.Add(subject.UserId);
        }
        else if (_groups.TryGetValue(group, out var left) && left.Remove(subject.UserId) && left.Count == 0)
        {
            _groups.Remove(group);
        }
    }
}
