namespace DistributedSockets;

/// <summary>The roster of a handler's hub, under the handler's type.</summary>
internal sealed class PresenceRoster<THandler>(IPresenceRosterFactory factory, HubNames names) : IPresenceRoster<THandler>
    where THandler : class
{
    private readonly IPresenceRoster _roster = factory.GetRoster(names.Of(typeof(THandler)));

    public string Hub => _roster.Hub;

    public bool IsCurrent => _roster.IsCurrent;

    public int Count => _roster.Count;

    public ValueTask WaitUntilReadAsync(CancellationToken cancellationToken = default) => _roster.WaitUntilReadAsync(cancellationToken);

    public ValueTask WaitUntilCurrentAsync(CancellationToken cancellationToken = default) => _roster.WaitUntilCurrentAsync(cancellationToken);

    public bool IsOnline(string userId) => _roster.IsOnline(userId);

    public bool IsInGroup(string userId, string group) => _roster.IsInGroup(userId, group);

    public int CountInGroup(string group) => _roster.CountInGroup(group);

    public IReadOnlyList<string> ListUsers() => _roster.ListUsers();

    public IReadOnlyList<string> ListUsersInGroup(string group) => _roster.ListUsersInGroup(group);
}
