using System.Buffers.Text;
using System.Globalization;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>What the calls of the log's scripts have in common.</summary>
internal static class RedisLogCalls
{
    private const long MaxMilliseconds = 100L * 366 * 24 * 60 * 60 * 1_000; // a hundred years: expiries have a limit, too

    /// <summary>Adds what every script is told first.</summary>
    public static void AddTo(List<RedisValue> values, RedisLogServer server, RedisLogHub.State state, long known, LogRetention retention)
    {
        values.Add(state.Epoch);
        values.Add(known);
        values.Add(Milliseconds(retention.MaxAge));
        values.Add(server.IdSection);
        values.Add(server.IdPattern);
    }

    /// <summary>A time in whole milliseconds, 1 at least.</summary>
    public static long Milliseconds(TimeSpan time) => Math.Clamp((long)Math.Ceiling(time.TotalMilliseconds), 1, MaxMilliseconds);

    /// <summary>The versions of a fence, each between spaces.</summary>
    public static string Versions(SessionFence fence) => fence.NextVersion == 0
        ? string.Create(CultureInfo.InvariantCulture, $" {fence.Version} ")
        : string.Create(CultureInfo.InvariantCulture, $" {fence.Version} {fence.NextVersion} ");

    /// <summary>Asks where the hub's log ends, notes its epoch, and begins one if there is none.</summary>
    public static async Task<LogPosition> EndAsync(RedisLogHub hub, RedisLogServer server, LogRetention retention)
    {
        var keys = new List<RedisKey>(4);
        var values = new List<RedisValue>(5);
        var state = hub.Current;
        state.Keys.AddTo(keys);
        AddTo(values, server, state, hub.Known, retention);
        var answer = (RedisResult[]?)await server.Database.ScriptEvaluateAsync(RedisLogScripts.End, [.. keys], [.. values], CommandFlags.DemandMaster).ConfigureAwait(false);
        if (answer is not [_, var epoch, var end])
        {
            throw Unreadable();
        }

        hub.Note((long)epoch, 0);
        return new((long)epoch, (long)end);
    }

    /// <summary>Reads a part of what a query asks for: behind one offset, up to another.</summary>
    /// <returns>The part; <see langword="null"/> and the end if the log has another epoch, or ends before that.</returns>
    public static async Task<(LogPage? Page, LogPosition End)> ReadAsync(
        RedisLogHub hub, RedisLogServer server, LogRetention retention, LogQuery query, long after, long upTo, int maxEntries, int maxBytes, bool mayExceed)
    {
        var targets = query.Targets;
        var state = hub.Current;
        var keys = new List<RedisKey>(4 + (targets?.Count ?? 0));
        state.Keys.AddTo(keys);
        for (var i = 0; i < targets?.Count; i++)
        {
            keys.Add(state.Keys.Target(targets[i]));
        }

        var values = new List<RedisValue>(11);
        AddTo(values, server, state, hub.Known, retention);
        values.AddRange([after, upTo, maxEntries, maxBytes, mayExceed, query.FromEnd]);
        var answer = (RedisResult[]?)await server.Database.ScriptEvaluateAsync(RedisLogScripts.Read, [.. keys], [.. values], CommandFlags.DemandMaster).ConfigureAwait(false);
        if (answer is not [var isKnown, var epoch, var end, .. var rest])
        {
            throw Unreadable();
        }

        hub.Note((long)epoch, 0);
        var position = new LogPosition((long)epoch, (long)end);
        if ((long)isKnown == RedisLogScripts.OtherEpoch)
        {
            return (null, position);
        }

        if (rest is not [var readAfter, var readTo, var removedTo, .. var found] || found.Length % 2 != 0)
        {
            throw Unreadable();
        }

        var entries = new LogEntry[found.Length / 2];
        for (var i = 0; i < entries.Length; i++)
        {
            if (!RedisLogMessage.TryReadStored(
                long.Parse((string)found[2 * i]!, CultureInfo.InvariantCulture), (byte[]?)found[(2 * i) + 1], out entries[i]))
            {
                throw Unreadable();
            }
        }

        var page = new LogPage
        {
            Entries = entries, IsKnown = true, End = position, ReadAfter = (long)readAfter, ReadTo = (long)readTo, RemovedTo = (long)removedTo,
        };
        return (page, position);
    }

    /// <summary>Reads the record of a session.</summary>
    public static async Task<SessionRecord?> ReadRecordAsync(RedisLogHub hub, RedisLogServer server, string sessionId) =>
        RecordOf((byte[]?)await server.Database.StringGetAsync(hub.Keys.Record(sessionId), CommandFlags.DemandMaster).ConfigureAwait(false));

    /// <summary>Replaces the record of a session.</summary>
    public static async Task<SessionRecordSwap> SwapRecordAsync(
        RedisLogHub hub, RedisLogServer server, LogRetention retention, string sessionId, long expectedVersion, long version, byte[] value)
    {
        var answer = (RedisResult[]?)await server.Database.ScriptEvaluateAsync(
            RedisLogScripts.Swap,
            [hub.Keys.Record(sessionId)],
            [expectedVersion, version, value, Milliseconds(retention.MaxAge)],
            CommandFlags.DemandMaster).ConfigureAwait(false);
        return answer switch
        {
            [var done] when (long)done == 1 => new() { IsDone = true },
            [var done, var found] when (long)done == 0 => new() { IsDone = false, Current = RecordOf((byte[]?)found) },
            _ => throw Unreadable(),
        };
    }

    /// <summary>Says that an append failed.</summary>
    public static MessageLogUnavailableException NotAppended(Exception exception, bool isUnknown, TimeSpan timeout)
    {
        var cause = RedisErrors.WithoutArguments(exception);
        return new(
            isUnknown ? $"Redis did not answer an append within {timeout}: {cause.Message} The entry may be in the log all the same. Check that Redis is up and not overloaded."
            : cause is RedisServerException ? $"Redis refused an entry of the log: {cause.Message}"
            : $"An entry was not appended to the log: {cause.Message} Check that Redis is up and not overloaded.",
            cause)
        {
            IsOutcomeUnknown = isUnknown,
        };
    }

    /// <summary>Says that too few replicas have an entry.</summary>
    public static MessageLogUnavailableException NotReplicated(string reason, Exception? cause) => new(
        $"An entry is in the log, and nodes have it, but a failover of Redis may lose it: {reason} Check that the replicas are up.", cause)
    {
        IsOutcomeUnknown = true,
    };

    /// <summary>Says that something else failed.</summary>
    public static MessageLogUnavailableException Failed(string what, Exception exception, TimeSpan timeout, bool isUnknown = false)
    {
        var cause = RedisErrors.WithoutArguments(exception);
        return new(
            cause is RedisServerException
                ? $"Redis refused {what}: {cause.Message}"
                : $"Redis did not do {what} within {timeout}: {cause.Message} Check that Redis is up and not overloaded.",
            cause)
        {
            IsOutcomeUnknown = isUnknown,
        };
    }

    private static RedisException Unreadable() => new("Redis answered something that cannot be read.");

    /// <summary>Reads what stands in the string of a record: the version, a space, and the record.</summary>
    private static SessionRecord? RecordOf(byte[]? stored)
    {
        if (stored is null)
        {
            return null;
        }

        return Utf8Parser.TryParse(stored, out long version, out var length) && version != 0 && stored.Length > length && stored[length] == (byte)' '
            ? new() { Version = version, Value = stored.AsMemory(length + 1) }
            : throw Unreadable();
    }
}
