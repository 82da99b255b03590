namespace DistributedSockets;

/// <summary>A user, or a user in a group, on this node. Changed by <see cref="LocalPresence"/> only, under a lock on it.</summary>
internal sealed class LocalSubject(PresenceSubject key)
{
    internal PresenceSubject Key => key;

    /// <summary>How many connections make it present here.</summary>
    internal int Count { get; set; }

    /// <summary>The epoch in which the store was last known to have it as one of this node.</summary>
    internal string? HeldIn { get; set; }

    /// <summary>Whether it waits to be written.</summary>
    internal bool IsDirty { get; set; }

    /// <summary>Whether it stands for its key no more.</summary>
    internal bool IsForgotten { get; set; }

    /// <summary>The number of the last change that has been handed to the observers.</summary>
    internal long Announced { get; set; }

    /// <summary>The number of the last change that the observers have been told.</summary>
    internal long Told { get; set; }

    /// <summary>The number of the last change that is no longer in the record.</summary>
    internal long Settled { get; set; }
}
