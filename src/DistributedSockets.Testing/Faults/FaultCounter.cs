namespace DistributedSockets.Testing;

/// <summary>Counts what a <see cref="FaultyBackplane"/> does.</summary>
internal sealed class FaultCounter
{
    private readonly Lock _gate = new();
    private FaultCounts _counts = new();

    internal FaultCounts Counts
    {
        get
        {
            lock (_gate)
            {
                return _counts;
            }
        }
    }

    internal void Add(int received = 0, int lost = 0, int delayed = 0, int duplicated = 0, int reordered = 0)
    {
        lock (_gate)
        {
            _counts = new()
            {
                Received = _counts.Received + received,
                Lost = _counts.Lost + lost,
                Delayed = _counts.Delayed + delayed,
                Duplicated = _counts.Duplicated + duplicated,
                Reordered = _counts.Reordered + reordered,
            };
        }
    }
}
