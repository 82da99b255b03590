using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>The sessions of this node whose clients are away, in the order in which they went, so that there are never too many of the node and of one user.</summary>
internal sealed class AwaySessions(IOptions<DistributedWebSocketsOptions> options)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<Away> _all = [];
    private readonly Dictionary<(HubConnections Hub, string UserId), LinkedList<Away>> _users = [];
    private readonly Dictionary<ResumableSession, Away> _away = [];

    internal int Count
    {
        get
        {
            lock (_gate)
            {
                return _all.Count;
            }
        }
    }

    /// <summary>Adds a session whose client has gone.</summary>
    /// <returns>The session that has to end for it, if there are too many: of the user, else of the node, the one that has been away for longest.</returns>
    internal (HubConnections Hub, ResumableSession Session)? Add(HubConnections hub, ResumableSession session)
    {
        lock (_gate)
        {
            if (session.IsGone || _away.ContainsKey(session)) // whoever sets the former removes it afterwards
            {
                return null;
            }

            var away = new Away(hub, session);
            _away.Add(session, away);
            _all.AddLast(away.OfAll);
            if (session.UserId is { } userId)
            {
                if (!_users.TryGetValue((hub, userId), out var ofUser))
                {
                    _users.Add((hub, userId), ofUser = []);
                }

                ofUser.AddLast(away.OfUser);
                if (ofUser.Count > options.Value.MaxAwaySessionsPerUser)
                {
                    return (hub, ofUser.First!.Value.Session); // it has one at least
                }
            }

            return _all.Count > options.Value.MaxAwaySessions && _all.First is { } first ? (first.Value.Hub, first.Value.Session) : null;
        }
    }

    /// <summary>Removes a session that has ended, or goes on with a connection.</summary>
    internal void Remove(ResumableSession session)
    {
        lock (_gate)
        {
            if (!_away.Remove(session, out var away))
            {
                return;
            }

            _all.Remove(away.OfAll);
            if (session.UserId is { } userId && _users.TryGetValue((away.Hub, userId), out var ofUser))
            {
                ofUser.Remove(away.OfUser);
                if (ofUser.Count == 0)
                {
                    _users.Remove((away.Hub, userId));
                }
            }
        }
    }

    /// <summary>Where a session stands in the order of all and of its user's.</summary>
    private sealed class Away
    {
        internal Away(HubConnections hub, ResumableSession session)
        {
            (Hub, Session) = (hub, session);
            (OfAll, OfUser) = (new(this), new(this));
        }

        internal HubConnections Hub { get; }

        internal ResumableSession Session { get; }

        internal LinkedListNode<Away> OfAll { get; }

        internal LinkedListNode<Away> OfUser { get; }
    }
}
