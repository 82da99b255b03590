using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Testing.Tests.Sessions;

/// <summary>What the stores of one test share: a session store in memory for each cluster, a clock, and an outage.</summary>
/// <param name="keepsData">Whether it has its data still after an outage.</param>
internal sealed class FlawedStoreServer(bool keepsData = true)
{
    private readonly Dictionary<string, ISessionStore> _stores = [];
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _secondLook = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _committing;
    private int _looks;

    public FakeTimeProvider Time { get; } = new();

    public bool IsAway { get; private set; }

    public int Outages { get; private set; }

    /// <summary>What the flaws remember.</summary>
    public Dictionary<string, (NodeInfo Node, TimeSpan Expiry)> Known { get; } = [];

    public List<Session> Claimed { get; } = [];

    /// <summary>Sizes of groups, by hub and name, as the flaws that are about them have them.</summary>
    public ConcurrentDictionary<(string Hub, string Group), long> Sizes { get; } = [];

    public List<(string NodeId, IReadOnlyList<SessionChange> Changes)> Refused { get; } = [];

    public int ClaimedCount { get; set; }

    public ref int Committing => ref _committing;

    /// <summary>Waits until a second caller looks, too, so that the first two see the same.</summary>
    public Task LookAsync()
    {
        if (Interlocked.Increment(ref _looks) == 2)
        {
            _secondLook.TrySetResult();
        }

        return _secondLook.Task;
    }

    public ISessionStore Store(string cluster)
    {
        lock (_gate)
        {
            if (!_stores.TryGetValue(cluster, out var store))
            {
                var services = new ServiceCollection();
                services.AddDistributedWebSockets().ConfigureCluster(options => options.Prefix = cluster).UseInMemory(new InMemoryCluster(Time));
                _stores.Add(cluster, store = services.BuildServiceProvider().GetRequiredService<ISessionStore>());
            }

            return store;
        }
    }

    public void Cut() => IsAway = true;

    public void Restore()
    {
        lock (_gate)
        {
            if (!keepsData)
            {
                _stores.Clear();
            }
        }

        Outages++;
        IsAway = false;
    }
}
