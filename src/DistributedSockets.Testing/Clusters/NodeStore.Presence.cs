using System.Runtime.CompilerServices;

namespace DistributedSockets.Testing;

/// <summary>Passes presence on, where the store of the test keeps it.</summary>
internal sealed partial class NodeStore : IPresenceStore
{
    private IPresenceStore Presence => inner as IPresenceStore ?? throw new NotSupportedException(
        $"A hub has presence switched on, and {inner.GetType()} is no IPresenceStore. Use another session store, or leave HubOptions.Presence at None.");

    public async ValueTask<IReadOnlyList<PresenceRecord?>> ReadPresenceAsync(string hub, IReadOnlyList<string> keys, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        return await Presence.ReadPresenceAsync(hub, keys, cancellationToken);
    }

    public async ValueTask<IReadOnlyList<long>> WritePresenceAsync(
        string hub, string guardKey, long guardVersion, IReadOnlyList<PresenceWrite> writes, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        return await Presence.WritePresenceAsync(hub, guardKey, guardVersion, writes, cancellationToken);
    }

    public async IAsyncEnumerable<PresenceRecord> ListPresenceAsync(string hub, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        await foreach (var record in Presence.ListPresenceAsync(hub, cancellationToken))
        {
            yield return record;
        }
    }
}
