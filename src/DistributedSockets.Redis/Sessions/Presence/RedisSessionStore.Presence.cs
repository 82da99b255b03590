using System.Globalization;
using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Keeps the records of presence, those of a hub in one hash.</summary>
internal sealed partial class RedisSessionStore : IPresenceStore
{
    // How many records one script writes: Redis does nothing else meanwhile.
    private const int PresenceWritesAtOnce = 256;

    public async ValueTask<IReadOnlyList<PresenceRecord?>> ReadPresenceAsync(
        string hub, IReadOnlyList<string> keys, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var hash = RedisSessionKeys.Presence(_prefix, hub);
        if (keys.Count == 0)
        {
            return [];
        }

        RedisValue[] fields = [.. keys.Select(RedisPresenceRecord.FieldOf)];
        var database = await DatabaseAsync(cancellationToken).ConfigureAwait(false);
        var values = await AskAsync(hash, () => database.HashGetAsync(hash, fields), [], cancellationToken).ConfigureAwait(false);
        var records = new PresenceRecord?[keys.Count];
        for (var i = 0; i < values.Length; i++)
        {
            records[i] = RedisPresenceRecord.Read(keys[i], values[i]);
        }

        return records;
    }

    public async ValueTask<IReadOnlyList<long>> WritePresenceAsync(
        string hub, string guardKey, long guardVersion, IReadOnlyList<PresenceWrite> writes, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(guardKey);
        ArgumentNullException.ThrowIfNull(writes);
        var hash = RedisSessionKeys.Presence(_prefix, hub);
        var database = await DatabaseAsync(cancellationToken).ConfigureAwait(false);
        var versions = new long[writes.Count];
        for (var first = 0; first < versions.Length; first += PresenceWritesAtOnce)
        {
            var count = Math.Min(PresenceWritesAtOnce, versions.Length - first);
            var arguments = ArgumentsOf(guardKey, guardVersion, writes, first, count);
            var written = await WriteAsync().ConfigureAwait(false);
            for (var i = 0; i < written.Length; i++)
            {
                versions[first + i] = long.Parse(written[i]!, NumberStyles.None, CultureInfo.InvariantCulture);
            }

            if (written.Length == 0)
            {
                break; // the guard is at another version
            }

            async Task<string?[]> WriteAsync()
            {
                try
                {
                    return await EvaluateAsync().ConfigureAwait(false);
                }
                catch (SessionStoreUnavailableException exception) when (RedisErrors.IsWrongType(exception))
                {
                    await DiscardForeignAsync(database, [(hash, "hash")], cancellationToken).ConfigureAwait(false);
                    return await EvaluateAsync().ConfigureAwait(false);
                }
            }

            Task<string?[]> EvaluateAsync() => ExchangeAsync(
                async () => (string?[]?)await database.ScriptEvaluateAsync(RedisPresenceScripts.Write, [hash], arguments).ConfigureAwait(false) ?? [],
                cancellationToken);
        }

        return versions;
    }

    public IAsyncEnumerable<PresenceRecord> ListPresenceAsync(string hub, CancellationToken cancellationToken = default) =>
        ListPresenceCoreAsync(RedisSessionKeys.Presence(_prefix, hub), cancellationToken);

    private static RedisValue[] ArgumentsOf(string guardKey, long guardVersion, IReadOnlyList<PresenceWrite> writes, int first, int count)
    {
        var arguments = new List<RedisValue>(2 + (4 * count)) { RedisPresenceRecord.FieldOf(guardKey), guardVersion };
        for (var i = first; i < first + count; i++)
        {
            var write = writes[i];
            arguments.AddRange([RedisPresenceRecord.FieldOf(write.Key), write.ExpectedVersion]);
            arguments.AddRange(write.Value is { } value ? ["+", value] : ["-", RedisValue.EmptyString]);
        }

        return [.. arguments];
    }

    private async IAsyncEnumerable<PresenceRecord> ListPresenceCoreAsync(RedisKey hash, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var database = await DatabaseAsync(cancellationToken).ConfigureAwait(false);
        await foreach (var page in ScanAsync(database, "HSCAN", hash, cancellationToken).ConfigureAwait(false))
        {
            for (var i = 0; i + 1 < page.Length; i += 2)
            {
                if (RedisPresenceRecord.KeyOf(page[i]) is { } key && RedisPresenceRecord.Read(key, page[i + 1]) is { } record)
                {
                    yield return record;
                }
            }
        }
    }
}
