namespace DistributedSockets.Testing;

/// <summary>Counts what a <see cref="FaultyBackplane"/> does.</summary>
internal sealed class FaultCounter
{
    private readonly Lock _gate = new();
    private FaultCounts _counts = new(0, 0, 0, 0, 0);

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
            _counts = new(
                _counts.Received + received, _counts.Lost + lost, _counts.Delayed + delayed, _counts.Duplicated + duplicated, _counts.Reordered + reordered);
        }
    }
}
