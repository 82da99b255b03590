using System.Collections.Concurrent;

namespace DistributedSockets;

/// <summary>The connections of a hub whose handshakes are being answered, and what is asked for meanwhile that they have to heed once they are open.</summary>
/// <remarks>
/// A connection is here or known to its hub, and never both or neither. So what is asked for of a user is told to these first, then to those
/// that the hub knows, and it reaches each connection once.
/// </remarks>
internal sealed class OpeningConnections
{
    private readonly ConcurrentDictionary<OpeningConnection, bool> _opening = new(); // a set: the value says nothing

    /// <summary>Notes that a connection is being opened. Pair it with <see cref="End"/>.</summary>
    /// <param name="userId">Its user, if known.</param>
    internal OpeningConnection Begin(string? userId)
    {
        var opening = new OpeningConnection(userId);
        _opening.TryAdd(opening, true);
        return opening;
    }

    /// <summary>Notes that a connection is another user's, as a filter has decided. It does not join the groups to which the one before was added, and is not closed with it.</summary>
    internal static void Change(OpeningConnection opening, string? userId)
    {
        lock (opening)
        {
            if (!string.Equals(opening.UserId, userId, StringComparison.Ordinal))
            {
                opening.UserId = userId;
                opening.Added.Clear();
                if (opening.IsDisconnectedByUser)
                {
                    opening.IsDisconnectedByUser = false;
                    opening.Disconnected = null;
                }
            }
        }
    }

    /// <summary>Notes in which groups a connection begins.</summary>
    internal static void Place(OpeningConnection opening, (string Group, string Channel)[] groups)
    {
        lock (opening)
        {
            opening.BeginsIn = groups;
        }
    }

    /// <summary>Has the hub know a connection from now on. It is on its way into the groups that it has to join: what takes it out of one takes that back, too.</summary>
    internal void Enter(OpeningConnection opening, HubConnections hub, Connection connection)
    {
        lock (opening)
        {
            opening.HasEntered = true;
            if (opening.Added.Count > 0 && connection.Session is null) // one with a session that can be resumed finds it in the log
            {
                opening.Joins = [.. opening.Added.Select(group => (group, connection.Joins.Begin(group, callers: 1)))];
            }

            hub.Add(connection, opening.BeginsIn);
        }

        _opening.TryRemove(opening, out _);
    }

    /// <summary>Ends what <see cref="Begin"/> began; may be called again.</summary>
    internal void End(OpeningConnection opening) => _opening.TryRemove(opening, out _);

    internal void DisconnectAll(DisconnectReason reason)
    {
        foreach (var (opening, _) in _opening)
        {
            lock (opening)
            {
                if (!opening.HasEntered)
                {
                    Disconnect(opening, reason);
                }
            }
        }
    }

    internal void DisconnectUser(string userId, DisconnectReason reason)
    {
        foreach (var (opening, _) in _opening)
        {
            lock (opening)
            {
                if (IsOf(opening, userId) && opening.Disconnected is null)
                {
                    opening.Disconnected = reason;
                    opening.IsDisconnectedByUser = true;
                }
            }
        }
    }

    internal void DisconnectGroup(string group, DisconnectReason reason)
    {
        foreach (var (opening, _) in _opening)
        {
            lock (opening)
            {
                if (!opening.HasEntered && (opening.Added.Contains(group) || Array.Exists(opening.BeginsIn, begun => begun.Group == group)))
                {
                    Disconnect(opening, reason);
                }
            }
        }
    }

    internal void AddUser(string userId, string group)
    {
        foreach (var (opening, _) in _opening)
        {
            lock (opening)
            {
                if (IsOf(opening, userId))
                {
                    opening.Added.Add(group);
                }
            }
        }
    }

    internal void RemoveUser(string userId, string group)
    {
        foreach (var (opening, _) in _opening)
        {
            lock (opening)
            {
                if (IsOf(opening, userId))
                {
                    opening.Added.Remove(group);
                    opening.Unneeded.AddRange(opening.BeginsIn.Where(begun => begun.Group == group).Select(static begun => begun.Channel));
                    opening.BeginsIn = Array.FindAll(opening.BeginsIn, begun => begun.Group != group);
                }
            }
        }
    }

    /// <summary>Has a connection closed whoever its user turns out to be.</summary>
    private static void Disconnect(OpeningConnection opening, DisconnectReason reason)
    {
        opening.Disconnected ??= reason;
        opening.IsDisconnectedByUser = false;
    }

    private static bool IsOf(OpeningConnection opening, string userId) =>
        !opening.HasEntered && string.Equals(opening.UserId, userId, StringComparison.Ordinal);
}
