namespace DistributedSockets;

/// <summary>Where a session stands in the pages of a list: by node, then hub, then connection id. For session stores.</summary>
/// <remarks>It depends on nothing but the session, so whatever comes and goes around it, the next page goes on behind it.</remarks>
/// <param name="nodeId">The node, or a text of the store's own that stands for it. It holds no line feed.</param>
/// <param name="hub">The hub, or a text that stands for it. It holds no line feed.</param>
/// <param name="connectionId">The connection, or a text that stands for it.</param>
public readonly struct SessionPosition(string nodeId, string hub, string connectionId) : IComparable<SessionPosition>
{
    private const char Separator = '\n';

    /// <summary>The node.</summary>
    public string NodeId { get; } = nodeId;

    /// <summary>The hub.</summary>
    public string Hub { get; } = hub;

    /// <summary>The connection.</summary>
    public string ConnectionId { get; } = connectionId;

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    /// <param name="continuationToken">The text, or <see langword="null"/>.</param>
    /// <returns>The position; <see langword="null"/> for <see langword="null"/>.</returns>
    /// <exception cref="ArgumentException">It is no position.</exception>
    public static SessionPosition? Parse(string? continuationToken)
    {
        if (continuationToken is null)
        {
            return null;
        }

        return continuationToken.Split(Separator, 3) is [var nodeId, var hub, var connectionId]
            ? new(nodeId, hub, connectionId)
            : throw new ArgumentException("This continuation token is no position in a list of sessions.", nameof(continuationToken));
    }

    /// <inheritdoc/>
    public int CompareTo(SessionPosition other)
    {
        var order = string.CompareOrdinal(NodeId, other.NodeId);
        order = order != 0 ? order : string.CompareOrdinal(Hub, other.Hub);
        return order != 0 ? order : string.CompareOrdinal(ConnectionId, other.ConnectionId);
    }

    /// <summary>The position as a continuation token.</summary>
    public override string ToString() => $"{NodeId}{Separator}{Hub}{Separator}{ConnectionId}";
}
