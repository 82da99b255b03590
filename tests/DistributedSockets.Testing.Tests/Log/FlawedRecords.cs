namespace DistributedSockets.Testing.Tests.Log;

/// <summary>The records that a <see cref="FlawedLogServer"/> keeps, sound but for at most one flaw. Used under the server's lock.</summary>
internal sealed class FlawedRecords(LogFlaw flaw)
{
    private readonly Dictionary<string, (SessionRecord Record, DateTimeOffset Since)> _records = [];

    public void Clear() => _records.Clear();

    public SessionRecord? Find(string key, DateTimeOffset now, TimeSpan maxAge) =>
        _records.TryGetValue(key, out var found) && (now - found.Since < maxAge || flaw == LogFlaw.KeepsRecordsForEver) ? found.Record
        : flaw == LogFlaw.FindsRecordsNobodyWrote ? new() { Version = 1, Value = default }
        : null;

    public void Remove(string key) => _records.Remove(key);

    public void Write(string key, SessionRecord record, DateTimeOffset now)
    {
        var since = flaw == LogFlaw.CountsTheAgeOfARecordFromItsFirstWriting && _records.TryGetValue(key, out var old) ? old.Since : now;
        _records[key] = (new() { Version = record.Version, Value = Copy(record.Value) }, since);
    }

    private ReadOnlyMemory<byte> Copy(ReadOnlyMemory<byte> value) => flaw switch
    {
        LogFlaw.BorrowsRecordsForEver => value,
        LogFlaw.CutsLargeRecords => value[..Math.Min(value.Length, 64 * 1024)].ToArray(),
        _ => value.ToArray(),
    };
}
