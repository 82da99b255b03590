using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests.Presence;

/// <summary>A cluster whose hub "chat" keeps presence, over a store that can be lost.</summary>
internal sealed class PresenceCluster : IAsyncDisposable
{
    internal const string Hub = "chat";

    private PresenceCluster(FakeCluster nodes, TrickyStoreServer store, ToldChanges told) => (Nodes, Store, Told) = (nodes, store, told);

    internal FakeCluster Nodes { get; }

    internal TrickyStoreServer Store { get; }

    internal ToldChanges Told { get; }

    internal static async Task<PresenceCluster> StartAsync(
        int nodes, PresenceScope scope = PresenceScope.UsersAndGroups, Action<FakeClusterOptions>? configure = null, Func<int, bool>? serves = null)
    {
        var started = 0;
        var time = new FakeTimeProvider();
        var (store, told) = (new TrickyStoreServer(time), new ToldChanges());
        var cluster = await FakeCluster.StartAsync(
            nodes,
            options =>
            {
                options.ConfigureServices(services =>
                {
                    services.AddSingleton(told);
                    services.AddDistributedWebSockets(sockets =>
                    {
                        sockets.HeartbeatInterval = TimeSpan.FromSeconds(1);
                        sockets.LeaseExpiry = TimeSpan.FromSeconds(2);
                    }).AddHub<PresenceHandler>(hub => hub.Presence = scope).AddPresenceObserver<ToldObserver>();
                });
                options.ConfigureSockets(sockets => sockets.UseSessionStore(_ => new TrickyStore(store)));
                options.ConfigureApp(app =>
                {
                    if (serves?.Invoke(started++) != false)
                    {
                        app.MapDistributedWebSocket<PresenceHandler>("/chat");
                    }
                });
                configure?.Invoke(options);
            },
            time,
            TestContext.Current.CancellationToken);
        return new(cluster, store, told);
    }

    internal Task<FakeClient> ConnectAsync(int node, string userId) => Nodes.ConnectAsync(node, "/chat", userId, cancellationToken: TestContext.Current.CancellationToken);

    internal Task AdvanceAsync(int seconds) => Nodes.AdvanceAsync(TimeSpan.FromSeconds(seconds), TestContext.Current.CancellationToken);

    internal IPresenceRoster Roster(int node) => Nodes[node].Services.GetRequiredService<IPresenceRoster<PresenceHandler>>();

    /// <summary>Waits until so many nodes stand in the ledger: one that knows nothing yet cannot notice what the store loses.</summary>
    internal Task WaitForNodesAsync(int count) => Eventually.TrueAsync(
        async () => PresenceLedger.Read((await Store.ListAsync(Hub)).Find(static record => record.Key == PresenceLedger.Key))?.Nodes.Count == count,
        $"{count} nodes are in the ledger");

    /// <summary>Waits until nothing of presence is under way: whoever is here stands in the store, and what was to be told has been.</summary>
    internal Task SettleAsync() => Eventually.TrueAsync(
        async () => (await Store.ListAsync(Hub)).TrueForAll(static record =>
            record.Key == PresenceLedger.Key || PresenceEntry.Read(record) is { Untold: null, HasHolders: true, IsPresent: true }),
        "all that came and went has been told");

    /// <summary>Waits until a user, or a user in a group, stands in the store with so many nodes.</summary>
    internal Task WaitForHoldersAsync(string userId, int count, string? group = null) => Eventually.TrueAsync(
        async () => PresenceEntry.Read((await Store.ListAsync(Hub)).Find(record => record.Key == new PresenceSubject(userId, group).Key)) is { Untold: null } entry
            && (entry.Holders?.Count ?? 0) == count,
        $"{userId} is held by {count} nodes");

    /// <summary>Waits until something holds that may need a roster to be read again, which it is once a second at most.</summary>
    internal Task AdvanceUntilAsync(Func<bool> condition, string expectation) => Eventually.TrueAsync(
        async () =>
        {
            if (condition())
            {
                return true;
            }

            await AdvanceAsync(1);
            return condition();
        },
        expectation);

    public ValueTask DisposeAsync() => Nodes.DisposeAsync();
}
