namespace DistributedSockets.Tests;

/// <summary>A <see cref="FakeMessageLog"/> that keeps records of sessions, too.</summary>
internal sealed class FakeRecordLog(FakeLogServer server) : FakeMessageLog(server), ISessionRecordStore
{
    private readonly FakeLogServer _server = server;
    private int _swaps;

    public bool RefusesStaleAppends => false;

    /// <summary>When set, records can be neither read nor written.</summary>
    internal Exception? RecordFailure { get; set; }

    /// <summary>When set, the next record that is written fails records with this afterwards: nobody is told that it was.</summary>
    internal Exception? FailureAfterSwap { get; set; }

    /// <summary>How often a record was written or removed.</summary>
    internal int Swaps => Volatile.Read(ref _swaps);

    public ValueTask<SessionRecord?> ReadRecordAsync(LogHub hub, string sessionId, CancellationToken cancellationToken = default)
    {
        ThrowIfAway();
        return new(_server.ReadRecord(hub.Name, sessionId));
    }

    public ValueTask<SessionRecordSwap> SwapRecordAsync(
        LogHub hub, string sessionId, long expectedVersion, SessionRecord? record, CancellationToken cancellationToken = default)
    {
        ThrowIfAway();
        var swap = _server.SwapRecord(hub.Name, sessionId, expectedVersion, record);
        Interlocked.Increment(ref _swaps);
        if (FailureAfterSwap is { } failure)
        {
            (RecordFailure, FailureAfterSwap) = (failure, null);
        }

        ThrowIfAway();
        return new(swap);
    }

    private void ThrowIfAway()
    {
        ThrowIfCut();
        if (RecordFailure is { } failure)
        {
            throw failure;
        }
    }
}
