using System.Runtime.CompilerServices;
using Microsoft.Extensions.ObjectPool;

namespace DistributedSockets;

/// <summary>The one door through which frames reach the connections of this node, whoever sent them: first they are queued, then written.</summary>
/// <remarks>
/// <see cref="Enqueue"/> is called under the lock that settles the order of a channel, which also holds the hand-over to the backplane.
/// <see cref="Start"/> comes after it, and must be called whatever was thrown between the two. On a thread that is still inside of such a
/// lock (on the in-memory backplane nodes call each other) it leaves the writing to a thread of the pool. Neither allocates per recipient.
/// </remarks>
internal sealed class LocalDelivery(DistributedWebSocketsMetrics metrics)
{
    private const int FewExclusions = 16;

    private readonly ObjectPool<HashSet<Connection>> _sets = Pool<HashSet<Connection>, Connection>();
    private readonly ObjectPool<List<Connection>> _connections = Pool<List<Connection>, Connection>();
    private readonly ObjectPool<List<MemberList>> _memberLists = Pool<List<MemberList>, MemberList>();

    /// <summary>Whether somebody here may be meant. Said for connections without a look, as an envelope comes only to the node that it names.</summary>
    internal static bool HasReceivers(HubConnections hub, WebSocketTargetKind kind, NameList names)
    {
        if (kind is WebSocketTargetKind.All or WebSocketTargetKind.Connections)
        {
            return kind == WebSocketTargetKind.Connections || !hub.All.IsEmpty;
        }

        foreach (var name in names)
        {
            if (!hub.Members(kind, name).IsEmpty)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Queues a frame at every connection that is meant, once at each. Writes nothing and waits for nothing.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="kind">What the names are.</param>
    /// <param name="names">The names; none for everyone.</param>
    /// <param name="excluded">Connections that get nothing.</param>
    /// <param name="frame">The frame; every queue takes its own reference.</param>
    /// <param name="delivered">
    /// If the message comes several times: the connections that have got it, to which those are added that get it now.
    /// </param>
    /// <returns>What to hand to <see cref="Start"/>.</returns>
    internal QueuedFrames Enqueue(
        HubConnections hub, WebSocketTargetKind kind, NameList names, NameList excluded, SharedFrame frame, HashSet<Connection>? delivered = null)
    {
        if (kind == WebSocketTargetKind.Connections)
        {
            return names.Count == 1 && excluded.Count == 0 ? EnqueueToOne(hub, names, frame) : EnqueueToConnections(hub, names, excluded, frame);
        }

        var few = default(Few);
        var except = excluded.Count == 0 ? [] : Find(hub, excluded, few);
        if (kind == WebSocketTargetKind.All)
        {
            return EnqueueTo(hub, hub.All, except, frame, delivered);
        }

        if (names.Count > 1)
        {
            return EnqueueToSeveral(hub, kind, names, except, frame, delivered);
        }

        foreach (var name in names)
        {
            return EnqueueTo(hub, hub.Members(kind, name), except, frame, delivered);
        }

        return default;
    }

    /// <summary>Has written what was queued, and counts it.</summary>
    internal void Start(in QueuedFrames queued)
    {
        switch (queued.Recipients)
        {
            case Connection connection:
                FanOutWriter.Write(connection);
                break;
            case MemberList members:
                queued.Hub.Writer.Start(members);
                break;
            case List<Connection> connections:
                foreach (var connection in connections)
                {
                    FanOutWriter.Write(connection);
                }

                _connections.Return(connections);
                break;
            case List<MemberList> lists:
                foreach (var members in lists)
                {
                    queued.Hub.Writer.Start(members);
                }

                _memberLists.Return(lists);
                break;
        }

        metrics.FramesSent(queued.Count);
    }

    private static QueuedFrames EnqueueToOne(HubConnections hub, NameList names, SharedFrame frame)
    {
        foreach (var name in names)
        {
            if (hub.Find(name) is { } connection && frame.Terms?.Filter?.Matches(connection) != false)
            {
                return new(hub, connection, connection.Queue.TryEnqueue(frame) ? 1 : 0);
            }
        }

        return default;
    }

    private static QueuedFrames EnqueueTo(
        HubConnections hub, MemberList members, ReadOnlySpan<Connection?> except, SharedFrame frame, HashSet<Connection>? delivered) =>
        members.IsEmpty ? default : new(hub, members, FanOut.Enqueue(members, frame, except, delivered));

    private QueuedFrames EnqueueToConnections(HubConnections hub, NameList names, NameList excluded, SharedFrame frame)
    {
        var passed = _sets.Get();
        foreach (var name in excluded)
        {
            if (hub.Find(name) is { } connection)
            {
                passed.Add(connection);
            }
        }

        var queued = 0;
        var connections = _connections.Get();
        foreach (var name in names)
        {
            if (hub.Find(name) is { } connection && frame.Terms?.Filter?.Matches(connection) != false && passed.Add(connection))
            {
                queued += connection.Queue.TryEnqueue(frame) ? 1 : 0;
                connections.Add(connection);
            }
        }

        _sets.Return(passed);
        return new(hub, connections, queued);
    }

    private QueuedFrames EnqueueToSeveral(
        HubConnections hub, WebSocketTargetKind kind, NameList names, ReadOnlySpan<Connection?> except, SharedFrame frame, HashSet<Connection>? delivered)
    {
        var queued = 0;
        var lists = _memberLists.Get();
        var passed = delivered ?? _sets.Get();
        foreach (var name in names)
        {
            var members = hub.Members(kind, name);
            if (!members.IsEmpty)
            {
                queued += FanOut.Enqueue(members, frame, except, passed);
                lists.Add(members);
            }
        }

        if (delivered is null)
        {
            _sets.Return(passed);
        }

        return new(hub, lists, queued);
    }

    /// <summary>The local ones among excluded connections; most ids live elsewhere and cost nothing here.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="excluded">The ids.</param>
    /// <param name="few">Where to put them if they are few.</param>
    private static Span<Connection?> Find(HubConnections hub, NameList excluded, Span<Connection?> few)
    {
        var found = few;
        var count = 0;
        foreach (var name in excluded)
        {
            if (hub.Find(name) is not { } connection)
            {
                continue;
            }

            if (count == found.Length)
            {
                var more = new Connection?[2 * count];
                found.CopyTo(more);
                found = more;
            }

            found[count++] = connection;
        }

        return found[..count];
    }

    private static DefaultObjectPool<TCollection> Pool<TCollection, T>()
        where TCollection : class, ICollection<T>, new() => new(new Emptied<TCollection, T>());

    [InlineArray(FewExclusions)]
    private struct Few
    {
        private Connection? _first;
    }

    /// <summary>Keeps no connection in the pool, and no collection that one large send has blown up.</summary>
    private sealed class Emptied<TCollection, T> : PooledObjectPolicy<TCollection>
        where TCollection : class, ICollection<T>, new()
    {
        private const int MaxKept = 4_096;

        public override TCollection Create() => new();

        public override bool Return(TCollection obj)
        {
            var keep = obj.Count <= MaxKept;
            obj.Clear();
            return keep;
        }
    }
}
