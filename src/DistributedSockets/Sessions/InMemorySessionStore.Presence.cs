using System.Runtime.CompilerServices;

namespace DistributedSockets;

/// <summary>Keeps the records of presence.</summary>
internal sealed partial class InMemorySessionStore : IPresenceStore
{
    private readonly InMemoryPresence _presence = cluster.Presence(options.Value.Prefix);

    public ValueTask<IReadOnlyList<PresenceRecord?>> ReadPresenceAsync(
        string hub, IReadOnlyList<string> keys, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(hub);
        ArgumentNullException.ThrowIfNull(keys);
        cancellationToken.ThrowIfCancellationRequested();
        return new(_presence.Read(hub, keys));
    }

    public ValueTask<IReadOnlyList<long>> WritePresenceAsync(
        string hub, string guardKey, long guardVersion, IReadOnlyList<PresenceWrite> writes, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(hub);
        ArgumentNullException.ThrowIfNull(guardKey);
        ArgumentNullException.ThrowIfNull(writes);
        cancellationToken.ThrowIfCancellationRequested();
        return new(_presence.Write(hub, guardKey, guardVersion, writes));
    }

    public IAsyncEnumerable<PresenceRecord> ListPresenceAsync(string hub, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(hub);
        return ListPresenceCoreAsync(hub, cancellationToken);
    }

    private async IAsyncEnumerable<PresenceRecord> ListPresenceCoreAsync(string hub, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await ValueTask.CompletedTask; // the contract streams; here all is at hand
        foreach (var record in _presence.List(hub))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return record;
        }
    }
}
