namespace DistributedSockets;

/// <summary>Who is online in a hub, and in which groups, mirrored in this process so that reading costs nothing but a look-up.</summary>
/// <remarks>
/// <para>
/// Mirroring begins when the roster is first read or waited for, in this process alone: it subscribes to one channel and reads a snapshot
/// from the session store. Until that has come nobody is online. A user never goes back to an older state. Where a change may have been
/// missed, as after an outage of the backplane, the snapshot is read again; <see cref="IsCurrent"/> says whether that has been done.
/// </para>
/// <para>
/// Anonymous connections are in no roster. Members may be called concurrently, and throw an <see cref="InvalidOperationException"/> if
/// the hub has no presence, or the node does not run.
/// </para>
/// </remarks>
public interface IPresenceRoster
{
    /// <summary>The hub.</summary>
    string Hub { get; }

    /// <summary>Whether nothing is known to be missing. Changes of the last moments may still be under way.</summary>
    bool IsCurrent { get; }

    /// <summary>How many users are online.</summary>
    int Count { get; }

    /// <summary>Waits until a first snapshot has been read, so that there is something to show. Later it returns at once, also in an outage.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached, and nothing has been read yet. It is tried again.</exception>
    /// <exception cref="BackplaneUnavailableException">The same of the backplane.</exception>
    /// <exception cref="InvalidOperationException">The node stops meanwhile, or as for all members.</exception>
    ValueTask WaitUntilReadAsync(CancellationToken cancellationToken = default);

    /// <summary>Waits until <see cref="IsCurrent"/>, for as long as an outage may last.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="InvalidOperationException">The node stops meanwhile, or as for all members.</exception>
    ValueTask WaitUntilCurrentAsync(CancellationToken cancellationToken = default);

    /// <summary>Whether a user is online.</summary>
    /// <param name="userId">The user.</param>
    bool IsOnline(string userId);

    /// <summary>Whether a connection of a user is in a group.</summary>
    /// <param name="userId">The user.</param>
    /// <param name="group">The group.</param>
    /// <exception cref="InvalidOperationException">The hub keeps no presence of groups.</exception>
    bool IsInGroup(string userId, string group);

    /// <summary>How many users are in a group.</summary>
    /// <param name="group">The group.</param>
    /// <exception cref="InvalidOperationException">The hub keeps no presence of groups.</exception>
    int CountInGroup(string group);

    /// <summary>The users who are online now, in no particular order: a copy.</summary>
    IReadOnlyList<string> ListUsers();

    /// <summary>The users who are in a group now, in no particular order: a copy.</summary>
    /// <param name="group">The group.</param>
    /// <exception cref="InvalidOperationException">The hub keeps no presence of groups.</exception>
    IReadOnlyList<string> ListUsersInGroup(string group);
}
