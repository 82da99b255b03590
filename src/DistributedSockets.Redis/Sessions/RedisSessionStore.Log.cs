using Microsoft.Extensions.Logging;

namespace DistributedSockets;

internal sealed partial class RedisSessionStore
{
    private static partial class Log
    {
        [LoggerMessage(1020, LogLevel.Warning, "The record of session {ConnectionId} of hub {Hub} in Redis cannot be read and is skipped. {Others} more were skipped since the last report.")]
        public static partial void UnreadableSession(ILogger logger, string hub, string connectionId, int others);

        [LoggerMessage(1021, LogLevel.Warning, "The record of node {NodeId} in Redis cannot be read and is skipped. {Others} more were skipped since the last report.")]
        public static partial void UnreadableNode(ILogger logger, string nodeId, int others);

        [LoggerMessage(1022, LogLevel.Information, "Node {NodeId} is gone and forgotten. {Others} more were forgotten since the last report.")]
        public static partial void NodeForgotten(ILogger logger, string nodeId, int others);

        [LoggerMessage(1023, LogLevel.Warning, "{Count} sessions of lost nodes may have been claimed without a report, as Redis did not answer.")]
        public static partial void ClaimsUnanswered(ILogger logger, int count, Exception exception);

        [LoggerMessage(1024, LogLevel.Warning, "Key {Key} in Redis holds something other than the session store's and counts as missing. {Others} more did since the last report.")]
        public static partial void ForeignKey(ILogger logger, string key, int others);

        [LoggerMessage(1026, LogLevel.Warning, "The sizes of groups could not be written to Redis, and follow once it takes them. Sessions are not affected.")]
        public static partial void SizesLate(ILogger logger, Exception exception);

        [LoggerMessage(1025, LogLevel.Warning, "{Count} keys in Redis held something other than the session store's. They were deleted, and what belongs there is written anew.")]
        public static partial void ForeignKeysDeleted(ILogger logger, long count);
    }

    /// <summary>A name that others may have made up, fit for a line of a log.</summary>
    private static string InLog(string name)
    {
        const int longest = 256;
        var shown = name.Length > longest ? name[..longest] + "…" : name;
        return shown.AsSpan().IndexOfAnyInRange('\0', '\u001F') < 0 ? shown : string.Concat(shown.Select(static letter => char.IsControl(letter) ? '?' : letter));
    }
}
