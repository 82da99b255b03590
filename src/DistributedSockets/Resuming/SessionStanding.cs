using System.Collections.ObjectModel;

namespace DistributedSockets;

/// <summary>What the session store and the presence of a hub know of a session that can be resumed: it is there, be its client connected or away, until it ends or goes on at another node.</summary>
/// <remarks>It stays when another connection of this node goes on with the session. All is handed on under its own lock, so that changes keep their order.</remarks>
internal sealed class SessionStanding(HubConnections hub, SessionChanges changes, string nodeId, bool isNew)
{
    private string[] _groups = []; // an array, as it takes little memory and changes seldom
    private IReadOnlyDictionary<string, string> _properties = ReadOnlyDictionary<string, string>.Empty;
    private ResumableSession? _session;
    private Connection? _connection;
    private bool _isContinued = !isNew;
    private bool _isTold;
    private bool _isPresent;
    private bool _isOver;
    private bool _isEndUntold;

    /// <summary>The session as it is now; null before it is known to others, and when it has ended or gone.</summary>
    internal Session? Find()
    {
        lock (this)
        {
            return _isTold && !_isOver ? Locked() : null;
        }
    }

    /// <summary>Goes on with what this node knows of the session by now, in place of what it knew before.</summary>
    internal void Use(ResumableSession session)
    {
        lock (this)
        {
            _session = session;
            if (!_isTold)
            {
                _groups = [.. session.GroupsAt(long.MaxValue)];
                _properties = session.Properties;
            }
        }
    }

    /// <summary>The client has a connection.</summary>
    internal void Connect(Connection connection)
    {
        lock (this)
        {
            _connection = connection;
            TellLocked();
            CountLocked(isPresent: true);
        }
    }

    /// <summary>The client is away.</summary>
    /// <param name="connection">Which connection has ended; null if there was none, as the session comes from another node. Passed over if the client has another one by now.</param>
    /// <returns>False if the session has ended before others were told that it is here, so that the caller has to tell them of the end.</returns>
    internal bool Rest(Connection? connection)
    {
        lock (this)
        {
            if (_isEndUntold)
            {
                return false;
            }

            if (_connection != connection)
            {
                return true;
            }

            _connection = null;
            if (connection is null)
            {
                TellLocked();
            }

            CountLocked(hub.Options.CountAwayAsPresent);
            return true;
        }
    }

    /// <summary>Brings the groups to what the log says. Until all of that has been read they stay as they were.</summary>
    internal void Settle(ResumableSession session)
    {
        lock (this)
        {
            if (session != _session || !session.KnowsGroups || !_isTold || _isOver)
            {
                return;
            }

            var groups = session.GroupsAt(long.MaxValue);
            var before = _groups;
            if (groups.SetEquals(before))
            {
                return;
            }

            _groups = [.. groups];
            foreach (var group in before)
            {
                if (!groups.Remove(group))
                {
                    ChangeLocked(SessionChangeKind.GroupRemoved, group);
                }
            }

            foreach (var group in groups) // those that were not among them before
            {
                ChangeLocked(SessionChangeKind.GroupAdded, group);
            }
        }
    }

    /// <summary>The session has other properties. Read here, so that the last ones are told last.</summary>
    internal void UseProperties(ResumableSession session)
    {
        lock (this)
        {
            if (session == _session && !_isOver)
            {
                _properties = session.Properties;
                if (_isTold)
                {
                    changes.Add(new() { Kind = SessionChangeKind.PropertiesSet, Session = Locked() });
                }
            }
        }
    }

    /// <summary>The session has ended, or goes on at another node. Only the first call counts.</summary>
    /// <param name="isContinued">Whether it goes on.</param>
    internal void End(bool isContinued)
    {
        lock (this)
        {
            if (_isOver)
            {
                return;
            }

            if (_isTold)
            {
                CountLocked(isPresent: false);
                changes.Add(new() { Kind = SessionChangeKind.Ended, Session = Locked(), IsContinued = isContinued });
            }

            _isEndUntold = !_isTold && _isContinued && !isContinued; // others know it from the node that was lost
            _isOver = true;
        }
    }

    /// <summary>Tells that the session is here: that it begins, or goes on.</summary>
    private void TellLocked()
    {
        if (!_isOver)
        {
            changes.Add(new() { Kind = SessionChangeKind.Saved, Session = Locked(), IsContinued = _isContinued });
            (_isTold, _isContinued) = (true, true);
        }
    }

    private void ChangeLocked(SessionChangeKind kind, string group)
    {
        changes.Add(new(kind, hub.Name, _session!.Id, group, static source => ((SessionStanding)source).Read(), this));
        if (!_isPresent)
        {
            return;
        }

        if (kind == SessionChangeKind.GroupAdded)
        {
            hub.Presence?.AddToGroup(_session.UserId, group);
        }
        else
        {
            hub.Presence?.RemoveFromGroup(_session.UserId, group);
        }
    }

    private void CountLocked(bool isPresent)
    {
        if (_isPresent == isPresent || _isOver)
        {
            return;
        }

        _isPresent = isPresent;
        if (hub.Presence is not { } presence || _session!.UserId is not { } userId)
        {
            return;
        }

        if (isPresent)
        {
            presence.Add(userId);
        }
        else
        {
            presence.Remove(userId);
        }

        foreach (var group in _groups)
        {
            if (isPresent)
            {
                presence.AddToGroup(userId, group);
            }
            else
            {
                presence.RemoveFromGroup(userId, group);
            }
        }
    }

    private Session Read()
    {
        lock (this)
        {
            return Locked();
        }
    }

    private Session Locked() => new()
    {
        Hub = hub.Name,
        ConnectionId = _session!.Id,
        NodeId = nodeId,
        UserId = _session.UserId,
        ConnectedAt = _session.ConnectedAt,
        Groups = _groups,
        Properties = _properties,
    };
}
