namespace DistributedSockets;

/// <summary>A connection whose handshake has not been answered, so that the hub does not know it yet. Its properties are guarded by a lock on it, which <see cref="OpeningConnections"/> takes.</summary>
/// <param name="userId">The user, if known.</param>
internal sealed class OpeningConnection(string? userId)
{
    /// <summary>The user, if known. A connection filter may change it.</summary>
    internal string? UserId { get; set; } = userId;

    /// <summary>Whether the hub knows it by now, so that what is asked for goes there.</summary>
    internal bool HasEntered { get; set; }

    /// <summary>Why it is to be closed as soon as it is open, if it was disconnected meanwhile.</summary>
    internal DisconnectReason? Disconnected { get; set; }

    /// <summary>Whether that was asked for of its user alone, so that it is over if it turns out to be another's.</summary>
    internal bool IsDisconnectedByUser { get; set; }

    /// <summary>The groups that it begins in, each with its channel, which is needed for it already.</summary>
    internal (string Group, string Channel)[] BeginsIn { get; set; } = [];

    /// <summary>The channels of groups that it was to begin in, and was removed from meanwhile.</summary>
    internal List<string> Unneeded { get; } = [];

    /// <summary>The groups that its user was added to meanwhile.</summary>
    internal HashSet<string> Added { get; } = new(StringComparer.Ordinal);

    /// <summary>The joins into those groups, once the hub knows the connection.</summary>
    internal (string Group, PendingJoin Join)[] Joins { get; set; } = [];
}
