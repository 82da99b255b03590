namespace DistributedSockets;

/// <summary>A session of an in-memory directory, whose groups and properties change.</summary>
internal sealed class InMemorySession
{
    private Session _saved;
    private readonly HashSet<string> _groups;
    private Session? _whole;

    internal InMemorySession(Session saved)
    {
        _saved = saved;
        _groups = new(saved.Groups, StringComparer.Ordinal);
    }

    internal string? UserId => _saved.UserId;

    internal IReadOnlyCollection<string> Groups => _groups;

    /// <summary>The session as a whole, made when somebody asks after a change.</summary>
    internal Session Whole => _whole ??= _saved with { Groups = [.. _groups] };

    internal string ConnectionId => _saved.ConnectionId;

    internal string Hub => _saved.Hub;

    internal bool IsIn(string group) => _groups.Contains(group);

    internal void SetProperties(IReadOnlyDictionary<string, string> properties)
    {
        _saved = _saved with { Properties = properties };
        _whole = null;
    }

    internal void Join(string group)
    {
        if (_groups.Add(group))
        {
            _whole = null;
        }
    }

    internal void Leave(string group)
    {
        if (_groups.Remove(group))
        {
            _whole = null;
        }
    }
}
