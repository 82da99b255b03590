namespace DistributedSockets;

/// <summary>Which sessions a query is about. Names are compared ordinally.</summary>
public sealed record SessionQuery
{
    private SessionQuery()
    {
    }

    /// <summary>The hub, or <see langword="null"/> for all hubs of a node.</summary>
    public string? Hub { get; private init; }

    /// <summary>The user, or <see langword="null"/> for all users and anonymous connections.</summary>
    public string? UserId { get; private init; }

    /// <summary>The group that a session must be in, or <see langword="null"/> for any.</summary>
    public string? Group { get; private init; }

    /// <summary>The node, or <see langword="null"/> for all nodes.</summary>
    public string? NodeId { get; private init; }

    /// <summary>All sessions of a hub.</summary>
    /// <param name="hub">The hub's name.</param>
    public static SessionQuery ForHub(string hub)
    {
        ArgumentException.ThrowIfNullOrEmpty(hub);
        return new() { Hub = hub };
    }

    /// <summary>All sessions of a user in a hub.</summary>
    /// <param name="hub">The hub's name.</param>
    /// <param name="userId">The user.</param>
    public static SessionQuery ForUser(string hub, string userId)
    {
        ArgumentException.ThrowIfNullOrEmpty(hub);
        ArgumentException.ThrowIfNullOrEmpty(userId);
        return new() { Hub = hub, UserId = userId };
    }

    /// <summary>All sessions in a group of a hub.</summary>
    /// <param name="hub">The hub's name.</param>
    /// <param name="group">The group.</param>
    public static SessionQuery ForGroup(string hub, string group)
    {
        ArgumentException.ThrowIfNullOrEmpty(hub);
        ArgumentException.ThrowIfNullOrEmpty(group);
        return new() { Hub = hub, Group = group };
    }

    /// <summary>The sessions of a user that are in a group of a hub.</summary>
    /// <param name="hub">The hub's name.</param>
    /// <param name="userId">The user.</param>
    /// <param name="group">The group.</param>
    public static SessionQuery ForUserInGroup(string hub, string userId, string group)
    {
        ArgumentException.ThrowIfNullOrEmpty(hub);
        ArgumentException.ThrowIfNullOrEmpty(userId);
        ArgumentException.ThrowIfNullOrEmpty(group);
        return new() { Hub = hub, UserId = userId, Group = group };
    }

    /// <summary>All sessions on a node, of one hub or of all.</summary>
    /// <param name="nodeId">The node's id.</param>
    /// <param name="hub">The hub's name, or <see langword="null"/> for all hubs.</param>
    public static SessionQuery ForNode(string nodeId, string? hub = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(nodeId);
        return new() { NodeId = nodeId, Hub = hub };
    }
}
