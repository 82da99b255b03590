namespace DistributedSockets;

/// <summary>How old an entry is, by the clock of the log and that of this node, which may differ.</summary>
internal static class LogAge
{
    /// <summary>Since when an entry that was read has been on its way: a timestamp of the clock.</summary>
    internal static long Since(in LogEntry entry, TimeProvider time)
    {
        var age = time.GetUtcNow() - entry.AppendedAt;
        return time.GetTimestamp() - (age > TimeSpan.Zero ? (long)(age.TotalSeconds * time.TimestampFrequency) : 0);
    }
}
