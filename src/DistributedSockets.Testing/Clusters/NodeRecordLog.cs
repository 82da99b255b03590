namespace DistributedSockets.Testing;

/// <summary>The message log of a node that can be killed, where it keeps records of sessions.</summary>
internal sealed class NodeRecordLog(IMessageLog inner, ISessionRecordStore records, CrashGate gate) : NodeMessageLog(inner, gate), ISessionRecordStore
{
    private readonly CrashGate _gate = gate;

    public bool RefusesStaleAppends => records.RefusesStaleAppends;

    public async ValueTask<SessionRecord?> ReadRecordAsync(LogHub hub, string sessionId, CancellationToken cancellationToken = default)
    {
        await _gate.PassAsync(cancellationToken);
        return await records.ReadRecordAsync(hub, sessionId, cancellationToken);
    }

    public async ValueTask<SessionRecordSwap> SwapRecordAsync(
        LogHub hub, string sessionId, long expectedVersion, SessionRecord? record, CancellationToken cancellationToken = default)
    {
        await _gate.PassAsync(cancellationToken);
        var swap = await records.SwapRecordAsync(hub, sessionId, expectedVersion, record, cancellationToken);
        await _gate.PassAsync(cancellationToken);
        return swap;
    }
}
