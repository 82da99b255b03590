namespace DistributedSockets;

internal sealed class PresenceRosterFactory(Hubs hubs, PresenceService presence) : IPresenceRosterFactory
{
    public IPresenceRoster GetRoster(string hub)
    {
        HubName.Check(hub);
        return presence.GetRoster(hubs.Get(hub));
    }
}
