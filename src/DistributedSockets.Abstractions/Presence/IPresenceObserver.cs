namespace DistributedSockets;

/// <summary>Is told when users come and go, once in the whole cluster: made for pushing it on, such as to everyone with a router.</summary>
/// <remarks>
/// Each change is raised on one node: the one whose connection made the difference, or a survivor that cleans up behind a lost node. So
/// every node that holds connections of the hub needs the observer. Calls to one observer come one after the other, off the path of
/// messages; an exception is logged and harms nothing else. What comes and goes again before it could be written, as while the session
/// store is away, is not told. A change that was not told when its node died is told by another one; a node that dies in the moment
/// between telling it and noting that down has it told twice, with the same user and kind.
/// <para>
/// To know who is online, read an <see cref="IPresenceRoster"/>. Register with <c>AddPresenceObserver</c>, and switch presence on with
/// <c>HubOptions.Presence</c>.
/// </para>
/// </remarks>
public interface IPresenceObserver
{
    /// <summary>A user came online or went offline, or entered or left a group.</summary>
    /// <param name="change">The change.</param>
    /// <param name="cancellationToken">Cancelled when the call has taken 30 seconds, or the node has no more time to stop.</param>
    ValueTask OnPresenceChangedAsync(PresenceChange change, CancellationToken cancellationToken);
}
