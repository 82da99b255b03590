namespace DistributedSockets;

/// <summary>The presence records of one prefix of an in-memory cluster.</summary>
internal sealed class InMemoryPresence
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, HubRecords> _hubs = new(StringComparer.Ordinal);

    internal PresenceRecord?[] Read(string hub, IReadOnlyList<string> keys)
    {
        lock (_gate)
        {
            var records = new PresenceRecord?[keys.Count];
            if (_hubs.TryGetValue(hub, out var found))
            {
                for (var i = 0; i < records.Length; i++)
                {
                    records[i] = found.Records.GetValueOrDefault(keys[i]);
                }
            }

            return records;
        }
    }

    internal long[] Write(string hub, string guardKey, long guardVersion, IReadOnlyList<PresenceWrite> writes)
    {
        lock (_gate)
        {
            if (!_hubs.TryGetValue(hub, out var found))
            {
                _hubs.Add(hub, found = new());
            }

            var versions = new long[writes.Count];
            if (found.VersionOf(guardKey) != guardVersion)
            {
                return versions;
            }

            for (var i = 0; i < versions.Length; i++)
            {
                if (found.VersionOf(writes[i].Key) == writes[i].ExpectedVersion)
                {
                    versions[i] = found.Write(writes[i]);
                }
            }

            return versions;
        }
    }

    internal PresenceRecord[] List(string hub)
    {
        lock (_gate)
        {
            return _hubs.TryGetValue(hub, out var found) ? [.. found.Records.Values] : [];
        }
    }

    private sealed class HubRecords
    {
        private long _version;

        internal Dictionary<string, PresenceRecord> Records { get; } = new(StringComparer.Ordinal);

        internal long VersionOf(string key) => Records.TryGetValue(key, out var record) ? record.Version : 0;

        internal long Write(PresenceWrite write)
        {
            if (write.Value is not { } value)
            {
                Records.Remove(write.Key);
                return write.ExpectedVersion;
            }

            Records[write.Key] = new() { Key = write.Key, Version = ++_version, Value = value };
            return _version;
        }
    }
}
