using DistributedSockets;

namespace Chat;

/// <summary>Tells every page who comes and goes. The node that hears of it announces it to all nodes.</summary>
/// <remarks>When a node dies, one of the others hears of the end of each of its sessions, so nobody stays online by mistake.</remarks>
internal sealed class PresenceAnnouncer(IWebSocketRouter<ChatHandler> router, NodeInfo node) : IClusterObserver
{
    public ValueTask OnSessionStartedAsync(Session session, CancellationToken cancellationToken) =>
        session is { UserId: { } user } && session.Hub == router.Hub
            ? AnnounceAsync(new ChatEvent.CameOnline(new Person(session.ConnectionId, user, node.Name)), cancellationToken)
            : ValueTask.CompletedTask;

    public ValueTask OnSessionEndedAsync(SessionEnded ended, CancellationToken cancellationToken) =>
        ended.Session is { UserId: not null } session && session.Hub == router.Hub
            ? AnnounceAsync(new ChatEvent.WentOffline(session.ConnectionId), cancellationToken)
            : ValueTask.CompletedTask;

    public ValueTask OnPossibleLossAsync(PossibleLoss loss, CancellationToken cancellationToken) =>
        AnnounceAsync(new ChatEvent.PeopleChanged(), cancellationToken);

    private ValueTask AnnounceAsync(ChatEvent chatEvent, CancellationToken cancellationToken) =>
        router.SendToAllAsync(chatEvent, ChatJson.Default.ChatEvent, cancellationToken);
}
