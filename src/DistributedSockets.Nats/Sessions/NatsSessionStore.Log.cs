using Microsoft.Extensions.Logging;

namespace DistributedSockets;

internal sealed partial class NatsSessionStore
{
    private static partial class Log
    {
        [LoggerMessage(1150, LogLevel.Warning, "The record of a session or a group under key {Key} in JetStream cannot be read and is skipped. {Others} more were skipped since the last report.")]
        public static partial void UnreadableSession(ILogger logger, string key, int others);

        [LoggerMessage(1151, LogLevel.Warning, "The record of a node under key {Key} in JetStream cannot be read and is skipped. {Others} more were skipped since the last report.")]
        public static partial void UnreadableNode(ILogger logger, string key, int others);

        [LoggerMessage(1152, LogLevel.Information, "Node {NodeId} is gone and forgotten. {Others} more were forgotten since the last report.")]
        public static partial void NodeForgotten(ILogger logger, string nodeId, int others);

        [LoggerMessage(1153, LogLevel.Warning, "{Count} sessions of lost nodes may have been claimed without a report, as JetStream did not answer.")]
        public static partial void ClaimsUnanswered(ILogger logger, int count, Exception exception);

        [LoggerMessage(1154, LogLevel.Warning, "Bucket {Bucket} in JetStream exists with other settings than this node has ({Settings}), and is used as it is.")]
        public static partial void OtherSettings(ILogger logger, string bucket, string settings);

        [LoggerMessage(1155, LogLevel.Warning, "Connection {ConnectionId} is in {Count} groups, whose names do not fit into the {MaxPayload} bytes that NATS takes at once; its session names only some of them. {Others} more sessions were cut short since the last report.")]
        public static partial void GroupsLeftOut(ILogger logger, string connectionId, int count, int maxPayload, int others);
    }

    /// <summary>A name that others may have made up, fit for a line of a log.</summary>
    private static string InLog(string name)
    {
        const int longest = 256;
        var shown = name.Length > longest ? name[..longest] + "…" : name;
        return shown.AsSpan().IndexOfAnyInRange('\0', '\u001F') < 0 ? shown : string.Concat(shown.Select(static letter => char.IsControl(letter) ? '?' : letter));
    }
}
