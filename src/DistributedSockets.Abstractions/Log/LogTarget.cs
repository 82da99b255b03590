namespace DistributedSockets;

/// <summary>One of the targets under which an entry stands in the log: everyone, or a connection, a user or a group.</summary>
public readonly struct LogTarget : IEquatable<LogTarget>
{
    private readonly string? _name;

    private LogTarget(WebSocketTargetKind kind, string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Kind = kind;
        _name = name;
    }

    /// <summary>Every connection of the hub.</summary>
    public static LogTarget All => default;

    /// <summary>What the target names.</summary>
    public WebSocketTargetKind Kind { get; }

    /// <summary>The name, 1 to 1,024 bytes of UTF-8, compared ordinally; empty for everyone.</summary>
    public string Name => _name ?? "";

    /// <summary>One connection.</summary>
    /// <param name="connectionId">Its id.</param>
    public static LogTarget Connection(string connectionId) => new(WebSocketTargetKind.Connections, connectionId);

    /// <summary>All connections of one user.</summary>
    /// <param name="userId">The user.</param>
    public static LogTarget User(string userId) => new(WebSocketTargetKind.Users, userId);

    /// <summary>All connections in one group.</summary>
    /// <param name="group">The group.</param>
    public static LogTarget Group(string group) => new(WebSocketTargetKind.Groups, group);

    /// <summary>Whether two are the same target.</summary>
    public static bool operator ==(LogTarget left, LogTarget right) => left.Equals(right);

    /// <summary>Whether two are different targets.</summary>
    public static bool operator !=(LogTarget left, LogTarget right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(LogTarget other) => Kind == other.Kind && string.Equals(_name, other._name, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is LogTarget other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Kind, _name);

    /// <inheritdoc/>
    public override string ToString() => _name is null ? "all" : $"{Kind}:{_name}";
}
