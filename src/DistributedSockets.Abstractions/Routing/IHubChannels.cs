namespace DistributedSockets;

/// <summary>Names the channels of one hub's users and groups; an <see cref="IRoutingStrategy"/> makes it.</summary>
/// <remarks>
/// <para>
/// Both members are pure functions of the name: whoever asks, however often, on whichever node or worker and after any restart, gets
/// the same channel. So a hash must not be <see cref="object.GetHashCode"/> of a string, which differs from process to process.
/// They are called for each send, join and leave, by many threads at once, and never throw for a name of 1 to 256 bytes of UTF-8.
/// </para>
/// <para>
/// A channel is the hub's prefix and at least one character more, at most 1,024 bytes of UTF-8 in all. It must not begin with the
/// prefix and <c>node:</c>. Several users and groups may share one, and it may be the prefix and <c>all</c>: an envelope names whom
/// it is for, and a node that holds none of them drops it. Anything else makes the send, the join or the handshake that asked for
/// it throw <see cref="InvalidOperationException"/>.
/// </para>
/// </remarks>
public interface IHubChannels
{
    /// <summary>Gets the channel that carries what is sent to a user.</summary>
    /// <param name="userId">The user.</param>
    string GetUserChannel(string userId);

    /// <summary>Gets the channel that carries what is sent to a group.</summary>
    /// <param name="group">The group.</param>
    string GetGroupChannel(string group);
}
