using DistributedSockets.Testing;
using Microsoft.Extensions.Options;

namespace DistributedSockets.Tests.Presence;

/// <summary>What the session stores of one cluster share: a memory that can be lost, and answers that can be.</summary>
internal sealed class TrickyStoreServer(TimeProvider time)
{
    private volatile InMemorySessionStore _store = NewStore(time);
    private int _presenceCalls;
    private int _writes;

    /// <summary>Of how many writes of presence one is done without an answer; 0 for none.</summary>
    public int LosesEachAnswer { get; set; }

    /// <summary>The node that does not reach the store.</summary>
    public string? CutOffNodeId { get; set; }

    public int PresenceCalls => Volatile.Read(ref _presenceCalls);

    public InMemorySessionStore Store => _store;

    /// <summary>Everything is lost.</summary>
    public void Flush() => _store = NewStore(time);

    /// <summary>All is as it was when a copy of the records of a hub was made, their versions too.</summary>
    public async Task GoBackToAsync(string hub, IEnumerable<PresenceRecord> copy)
    {
        var store = NewStore(time);
        var version = 0L;
        foreach (var record in copy.OrderBy(static record => record.Version))
        {
            while (version < record.Version)
            {
                version++;
                var isFiller = version < record.Version;
                var write = new PresenceWrite { Key = isFiller ? "filler" : record.Key, ExpectedVersion = 0, Value = record.Value };
                await store.WritePresenceAsync(hub, "none", 0, [write], TestContext.Current.CancellationToken);
                if (isFiller)
                {
                    await store.WritePresenceAsync(hub, "none", 0, [new() { Key = "filler", ExpectedVersion = version, Value = null }], TestContext.Current.CancellationToken);
                }
            }
        }

        _store = store;
    }

    public async Task<List<PresenceRecord>> ListAsync(string hub)
    {
        var records = new List<PresenceRecord>();
        await foreach (var record in Store.ListPresenceAsync(hub, TestContext.Current.CancellationToken))
        {
            records.Add(record);
        }

        return records;
    }

    internal InMemorySessionStore Call(string? nodeId)
    {
        return nodeId is not null && nodeId == CutOffNodeId ? throw new SessionStoreUnavailableException("This node is cut off from the store.") : Store;
    }

    internal InMemorySessionStore CallPresence(string? nodeId)
    {
        Interlocked.Increment(ref _presenceCalls);
        return Call(nodeId);
    }

    internal void Answer()
    {
        if (LosesEachAnswer is > 0 and var each && Interlocked.Increment(ref _writes) % each == 0)
        {
            throw new SessionStoreUnavailableException("The write was done, and its answer lost.");
        }
    }

    private static InMemorySessionStore NewStore(TimeProvider time) =>
        new(new InMemoryCluster(time), Options.Create(new DistributedWebSocketsClusterOptions()));
}
