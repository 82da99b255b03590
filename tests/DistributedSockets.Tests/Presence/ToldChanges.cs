using System.Collections.Concurrent;
using DistributedSockets.Testing;

namespace DistributedSockets.Tests.Presence;

/// <summary>What the observers of all nodes of a cluster were told.</summary>
internal sealed class ToldChanges
{
    private readonly ConcurrentQueue<(string NodeId, PresenceChange Change)> _told = new();

    /// <summary>What an observer waits for before it has been told; null for nothing.</summary>
    public Func<string, Task>? Hold { get; set; }

    public IReadOnlyList<(string NodeId, PresenceChange Change)> All => [.. _told];

    /// <summary>What was told, in the order in which it was: the kind, the user, and the group if any.</summary>
    public IReadOnlyList<string> Texts => [.. _told.Select(static told => TextOf(told.Change))];

    public IEnumerable<string> Of(string userId) => _told.Where(told => told.Change.UserId == userId).Select(static told => TextOf(told.Change));

    public async ValueTask AddAsync(string nodeId, PresenceChange change)
    {
        if (Hold is { } hold)
        {
            await hold(nodeId);
        }

        _told.Enqueue((nodeId, change));
    }

    public Task WaitForAsync(int count) => Eventually.TrueAsync(() => _told.Count >= count, $"{count} changes are told; there are: {string.Join(", ", Texts)}");

    private static string TextOf(PresenceChange change) => change.Group is null ? $"{change.Kind} {change.UserId}" : $"{change.Kind} {change.UserId} {change.Group}";
}

/// <summary>The observer of one node.</summary>
internal sealed class ToldObserver(ToldChanges told, NodeInfo node) : IPresenceObserver
{
    public ValueTask OnPresenceChangedAsync(PresenceChange change, CancellationToken cancellationToken) => told.AddAsync(node.NodeId, change);
}
