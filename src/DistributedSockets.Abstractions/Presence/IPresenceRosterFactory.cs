namespace DistributedSockets;

/// <summary>Gives the roster of any hub.</summary>
public interface IPresenceRosterFactory
{
    /// <summary>Gets the roster of a hub; the same one each time.</summary>
    /// <param name="hub">The hub's name.</param>
    /// <exception cref="ArgumentException">It is no hub name.</exception>
    IPresenceRoster GetRoster(string hub);
}
