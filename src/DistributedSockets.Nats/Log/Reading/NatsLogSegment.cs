namespace DistributedSockets;

/// <summary>A stretch of the stream as it was read: all that is left of it, in order.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="From">The first sequence.</param>
/// <param name="To">The last sequence.</param>
/// <param name="Records">The entries.</param>
internal sealed record NatsLogSegment(NatsLogStream Stream, long From, long To, IReadOnlyList<NatsLogRecord> Records)
{
    /// <summary>How many bytes the payloads have.</summary>
    public long Bytes { get; } = Records.Sum(static record => (long)record.Entry.Payload.Length);

    /// <summary>The index of the first entry with a sequence or a later one.</summary>
    public int IndexOf(long sequence)
    {
        var (low, high) = (0, Records.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (Records[middle].Entry.Offset + 1 < sequence)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
