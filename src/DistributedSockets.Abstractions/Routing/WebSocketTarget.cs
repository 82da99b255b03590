namespace DistributedSockets;

/// <summary>Who gets a message: everyone, connections, users or groups. To leave some connections out, use <see cref="SendOptions"/>.</summary>
public readonly struct WebSocketTarget
{
    private readonly string? _name;
    private readonly IReadOnlyList<string>? _names;

    private WebSocketTarget(WebSocketTargetKind kind, string? name, IReadOnlyList<string>? names)
    {
        Kind = kind;
        _name = name;
        _names = names;
    }

    /// <summary>Every connection of the hub.</summary>
    public static WebSocketTarget All => default;

    /// <summary>What the target names.</summary>
    public WebSocketTargetKind Kind { get; }

    /// <summary>How many names the target has; 0 for everyone.</summary>
    public int Count => _name is not null ? 1 : _names?.Count ?? 0;

    /// <summary>One of the names.</summary>
    /// <param name="index">From 0 to <see cref="Count"/> − 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such name.</exception>
    public string this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return _name ?? _names![index]; // Count is above 0, so one of the two is set
        }
    }

    /// <summary>One connection.</summary>
    /// <param name="connectionId">Its id. It only says where to send; whether the sender may is the app's to check.</param>
    public static WebSocketTarget Connection(string connectionId) => One(WebSocketTargetKind.Connections, connectionId);

    /// <summary>Several connections.</summary>
    /// <param name="connectionIds">Their ids. Not copied: leave the list unchanged until the send completes.</param>
    public static WebSocketTarget Connections(IReadOnlyList<string> connectionIds) => Many(WebSocketTargetKind.Connections, connectionIds);

    /// <summary>All connections of one user.</summary>
    /// <param name="userId">The user.</param>
    public static WebSocketTarget User(string userId) => One(WebSocketTargetKind.Users, userId);

    /// <summary>All connections of several users.</summary>
    /// <param name="userIds">The users. Not copied: leave the list unchanged until the send completes.</param>
    public static WebSocketTarget Users(IReadOnlyList<string> userIds) => Many(WebSocketTargetKind.Users, userIds);

    /// <summary>All connections in one group.</summary>
    /// <param name="group">The group.</param>
    public static WebSocketTarget Group(string group) => One(WebSocketTargetKind.Groups, group);

    /// <summary>All connections in at least one of several groups.</summary>
    /// <param name="groups">The groups. Not copied: leave the list unchanged until the send completes.</param>
    public static WebSocketTarget Groups(IReadOnlyList<string> groups) => Many(WebSocketTargetKind.Groups, groups);

    private static WebSocketTarget One(WebSocketTargetKind kind, string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return new(kind, name, null);
    }

    private static WebSocketTarget Many(WebSocketTargetKind kind, IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return new(kind, null, names);
    }
}
