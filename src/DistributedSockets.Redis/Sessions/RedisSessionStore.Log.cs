using Microsoft.Extensions.Logging;

namespace DistributedSockets;

internal sealed partial class RedisSessionStore
{
    private static partial class Log
    {
        [LoggerMessage(1020, LogLevel.Warning, "The record of session {ConnectionId} of hub {Hub} in Redis cannot be read and is skipped.")]
        public static partial void UnreadableSession(ILogger logger, string hub, string connectionId, Exception? exception);

        [LoggerMessage(1021, LogLevel.Warning, "The record of node {NodeId} in Redis cannot be read and is skipped.")]
        public static partial void UnreadableNode(ILogger logger, string nodeId, Exception? exception);

        [LoggerMessage(1022, LogLevel.Information, "Node {NodeId} is gone and forgotten.")]
        public static partial void NodeForgotten(ILogger logger, string nodeId);

        [LoggerMessage(1023, LogLevel.Warning, "{Count} sessions of lost nodes may have been claimed without a report, as Redis did not answer.")]
        public static partial void ClaimsUnanswered(ILogger logger, int count, Exception exception);
    }
}
