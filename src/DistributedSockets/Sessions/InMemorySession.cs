namespace DistributedSockets;

/// <summary>A session of an in-memory directory, whose groups and properties change.</summary>
internal sealed class InMemorySession
{
    private const int Few = 8;

    private Session _saved;
    private IReadOnlyCollection<string> _groups; // a few in an array, which never changes, many in a set
    private Session? _whole;

    internal InMemorySession(Session saved)
    {
        _saved = saved;
        string[] groups = [.. saved.Groups.Distinct(StringComparer.Ordinal)];
        _groups = groups.Length > Few ? new HashSet<string>(groups, StringComparer.Ordinal) : groups;
    }

    internal string? UserId => _saved.UserId;

    internal IReadOnlyCollection<string> Groups => _groups;

    /// <summary>The session as a whole, made when somebody asks after a change.</summary>
    internal Session Whole => _whole ??= _saved with { Groups = _groups as string[] ?? [.. _groups] };

    internal string ConnectionId => _saved.ConnectionId;

    internal string Hub => _saved.Hub;

    internal bool IsIn(string group) => _groups is HashSet<string> many ? many.Contains(group) : _groups.Contains(group, StringComparer.Ordinal);

    internal void SetProperties(IReadOnlyDictionary<string, string> properties)
    {
        _saved = _saved with { Properties = properties };
        _whole = null;
    }

    internal void Join(string group)
    {
        if (IsIn(group))
        {
            return;
        }

        if (_groups is HashSet<string> many)
        {
            many.Add(group);
        }
        else
        {
            string[] groups = [.. _groups, group];
            _groups = groups.Length > Few ? new HashSet<string>(groups, StringComparer.Ordinal) : groups;
        }

        _whole = null;
    }

    internal void Leave(string group)
    {
        if (!IsIn(group))
        {
            return;
        }

        if (_groups is HashSet<string> many)
        {
            many.Remove(group);
        }
        else
        {
            _groups = _groups.Where(other => other != group).ToArray();
        }

        _whole = null;
    }
}
