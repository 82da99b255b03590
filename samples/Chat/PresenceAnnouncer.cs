using DistributedSockets;

namespace Chat;

/// <summary>Tells every page who comes online and goes offline. Each change is raised on one node, which announces it to all.</summary>
/// <remarks>When a node dies, one of the others hears which of its users went offline, so nobody stays online by mistake.</remarks>
internal sealed class PresenceAnnouncer(IWebSocketRouter<ChatHandler> router) : IPresenceObserver, IClusterObserver
{
    public ValueTask OnPresenceChangedAsync(PresenceChange change, CancellationToken cancellationToken) => AnnounceAsync(
        change.Kind == PresenceChangeKind.CameOnline
            ? new ChatEvent.CameOnline(change.UserId, change.Number, change.Epoch)
            : new ChatEvent.WentOffline(change.UserId, change.Number, change.Epoch),
        cancellationToken);

    public ValueTask OnPossibleLossAsync(PossibleLoss loss, CancellationToken cancellationToken) =>
        AnnounceAsync(new ChatEvent.PeopleChanged(), cancellationToken);

    private ValueTask AnnounceAsync(ChatEvent chatEvent, CancellationToken cancellationToken) =>
        router.SendToAllAsync(chatEvent, ChatJson.Default.ChatEvent, cancellationToken);
}
