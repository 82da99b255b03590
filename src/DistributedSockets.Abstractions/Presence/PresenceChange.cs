namespace DistributedSockets;

/// <summary>A user came online or went offline, or entered or left a group, in the cluster as a whole.</summary>
public sealed record PresenceChange
{
    /// <summary>The hub.</summary>
    public required string Hub { get; init; }

    /// <summary>What changed.</summary>
    public required PresenceChangeKind Kind { get; init; }

    /// <summary>The user.</summary>
    public required string UserId { get; init; }

    /// <summary>The group that was entered or left; <see langword="null"/> for the other two kinds.</summary>
    public string? Group { get; init; }

    /// <summary>A number that grows with each change of the same user, or of the same user in the same group, within one <see cref="Epoch"/>.</summary>
    /// <remarks>
    /// Changes of one user may be raised on different nodes, so what each pushes may cross on its way. A client that keeps the largest
    /// number it has seen of a user can drop what is older.
    /// </remarks>
    public required long Number { get; init; }

    /// <summary>Which beginning of the store the number counts from; another one after the session store lost what it knew.</summary>
    public required string Epoch { get; init; }
}
