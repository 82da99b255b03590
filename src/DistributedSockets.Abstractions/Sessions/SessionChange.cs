using System.Diagnostics.CodeAnalysis;

namespace DistributedSockets;

/// <summary>One change of a node's sessions, to be written to the session store.</summary>
/// <remarks>A change of groups names the one group, and costs the same however many others the session is in, unless <see cref="Session"/> is read.</remarks>
public sealed record SessionChange
{
    private readonly string? _hub;
    private readonly string? _connectionId;
    private readonly Func<object, Session>? _readSession;
    private object? _source; // the session, or what it is read from

    /// <summary>Creates a change from its properties.</summary>
    public SessionChange()
    {
    }

    /// <summary>Creates a change of a session's groups, without the session as a whole.</summary>
    /// <param name="kind">One of the two group changes.</param>
    /// <param name="hub">The hub of the session.</param>
    /// <param name="connectionId">The connection id of the session.</param>
    /// <param name="group">The group.</param>
    /// <param name="readSession">Makes the session as it is after this change, or a later one. Called once at most, on any thread.</param>
    /// <param name="source">What it is given, such as the connection: so that no delegate need be made for each change.</param>
    /// <exception cref="ArgumentOutOfRangeException">The kind is none of the two.</exception>
    [SetsRequiredMembers]
    public SessionChange(SessionChangeKind kind, string hub, string connectionId, string group, Func<object, Session> readSession, object source)
    {
        if (kind is not (SessionChangeKind.GroupAdded or SessionChangeKind.GroupRemoved))
        {
            throw new ArgumentOutOfRangeException(nameof(kind), kind, "This is no change of groups. Give the session itself.");
        }

        ArgumentException.ThrowIfNullOrEmpty(hub);
        ArgumentException.ThrowIfNullOrEmpty(connectionId);
        ArgumentException.ThrowIfNullOrEmpty(group);
        ArgumentNullException.ThrowIfNull(readSession);
        ArgumentNullException.ThrowIfNull(source);
        Kind = kind;
        Session = null!; // made when it is first read
        Group = group;
        _hub = hub;
        _connectionId = connectionId;
        _readSession = readSession;
        _source = source;
    }

    /// <summary>What changed.</summary>
    public required SessionChangeKind Kind { get; init; }

    /// <summary>
    /// The session as it is after the change; for <see cref="SessionChangeKind.Ended"/> as it was before its end. For a change of groups it
    /// may be later than that, of the time when it is first read, and that costs a copy of all of the session's groups: leave it to stores
    /// that write a session as a whole, once per session and commit.
    /// </summary>
    public required Session Session
    {
        get
        {
            if (_source is Session session)
            {
                return session;
            }

            session = _readSession!(_source!); // which are there if the session is not
            _source = session;
            return session;
        }
        init => _source = value;
    }

    /// <summary>The group, for the two group changes; otherwise <see langword="null"/>.</summary>
    public string? Group { get; init; }

    /// <summary>Whether the session goes on, so that it neither begins nor ends with this change: one that can be resumed has got another connection, or has come from another node or gone to one.</summary>
    /// <remarks>A store writes it like any other; only observers are not told.</remarks>
    public bool IsContinued { get; init; }

    /// <summary>The hub of the session.</summary>
    public string Hub => _hub ?? Session.Hub;

    /// <summary>The connection id of the session.</summary>
    public string ConnectionId => _connectionId ?? Session.ConnectionId;
}
