using System.Runtime.CompilerServices;

namespace DistributedSockets;

/// <summary>Keeps the records of presence in a bucket of its own, by compare-and-set. The version of a record is the number of its message.</summary>
internal sealed partial class NatsSessionStore : IPresenceStore
{
    private volatile bool _presenceCreated;

    public async ValueTask<IReadOnlyList<PresenceRecord?>> ReadPresenceAsync(
        string hub, IReadOnlyList<string> keys, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(hub);
        ArgumentNullException.ThrowIfNull(keys);
        if (keys.Count == 0)
        {
            return [];
        }

        return await RunPresenceAsync(
            async () =>
            {
                var subjects = keys.Select(key => SubjectOf(hub, key)).ToArray();
                var first = await _presence.GetLatestAsync(subjects[0], cancellationToken).ConfigureAwait(false); // before the others
                JetStreamEntry?[] entries = [first, .. await ReadEntriesAsync(subjects[1..], cancellationToken).ConfigureAwait(false)];
                return (IReadOnlyList<PresenceRecord?>)[.. entries.Select((entry, index) => NatsPresenceRecord.ReadOrEmpty(keys[index], entry))];
            },
            cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<IReadOnlyList<long>> WritePresenceAsync(
        string hub, string guardKey, long guardVersion, IReadOnlyList<PresenceWrite> writes, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(hub);
        ArgumentNullException.ThrowIfNull(guardKey);
        ArgumentNullException.ThrowIfNull(writes);
        var versions = new long[writes.Count];
        var guard = await RunPresenceAsync(
            () => _presence.GetLatestAsync(SubjectOf(hub, guardKey), cancellationToken), cancellationToken).ConfigureAwait(false);
        if ((long)(guard?.Sequence ?? 0) != guardVersion)
        {
            return versions;
        }

        try
        {
            // Not run again if the bucket turns out to be missing: what was done the first time would seem to have been refused.
            await ForEachAsync(Enumerable.Range(0, versions.Length), WriteAsync, cancellationToken).ConfigureAwait(false);
        }
        catch (BucketMissingException exception)
        {
            _presenceCreated = false;
            throw new SessionStoreUnavailableException("The bucket of presence in JetStream went missing while it was written.", exception);
        }
        catch (SessionStoreUnavailableException)
        {
            _presenceCreated = false;
            throw;
        }

        return versions;

        async Task WriteAsync(int index)
        {
            var (write, subject) = (writes[index], SubjectOf(hub, writes[index].Key));
            if (write.Value is { } value)
            {
                versions[index] = (long)(await _presence.PutAsync(
                    subject, NatsPresenceRecord.Write(write.Key, value), (ulong)write.ExpectedVersion, cancellationToken).ConfigureAwait(false) ?? 0);
            }
            else if (await _presence.DeleteAsync((ulong)write.ExpectedVersion, cancellationToken).ConfigureAwait(false))
            {
                versions[index] = write.ExpectedVersion;
            }
        }
    }

    public IAsyncEnumerable<PresenceRecord> ListPresenceAsync(string hub, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(hub);
        return ListPresenceCoreAsync(_keys.PresenceOf(NatsKeyToken.Encode(hub)), cancellationToken);
    }

    private string SubjectOf(string hub, string key) => _keys.Presence(NatsKeyToken.Encode(hub), NatsKeyToken.Encode(key));

    private async IAsyncEnumerable<PresenceRecord> ListPresenceCoreAsync(string filter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // All the subjects first: keys that come or go between two pages move the others.
        var subjects = await RunPresenceAsync(
            async () =>
            {
                var found = new HashSet<string>(StringComparer.Ordinal);
                await foreach (var page in _presence.ListAsync(filter, cancellationToken).ConfigureAwait(false))
                {
                    found.UnionWith(page);
                }

                return found;
            },
            cancellationToken).ConfigureAwait(false);
        foreach (var some in subjects.Chunk(PageSize))
        {
            foreach (var entry in await RunPresenceAsync(() => ReadEntriesAsync(some, cancellationToken), cancellationToken).ConfigureAwait(false))
            {
                if (NatsPresenceRecord.Read(entry) is { } record)
                {
                    yield return record;
                }
            }
        }
    }

    /// <summary>Reads from the server that leads the bucket, so that what was written before is seen.</summary>
    private async Task<JetStreamEntry?[]> ReadEntriesAsync(string[] subjects, CancellationToken cancellationToken)
    {
        var reads = Array.ConvertAll(subjects, subject => _presence.GetLatestAsync(subject, cancellationToken));
        Array.ForEach(reads, TaskObservation.Observe); // all are under way, and the first that fails ends the wait
        await ForEachAsync(reads, static read => read, cancellationToken).ConfigureAwait(false);
        return Array.ConvertAll(reads, static read => read.Result);
    }

    private Task<T> RunPresenceAsync<T>(Func<Task<T>> action, CancellationToken cancellationToken) =>
        RunAsync(action, CreatePresenceAsync, () => _presenceCreated = false, cancellationToken);

    private async Task CreatePresenceAsync(CancellationToken cancellationToken)
    {
        if (_presenceCreated)
        {
            return;
        }

        await _creating.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_presenceCreated)
            {
                await CreateAsync(_presence, _keys.PresenceBucket, cancellationToken).ConfigureAwait(false);
                _presenceCreated = true;
            }
        }
        finally
        {
            _creating.Release();
        }
    }
}
