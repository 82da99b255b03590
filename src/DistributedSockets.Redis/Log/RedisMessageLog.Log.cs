using Microsoft.Extensions.Logging;

namespace DistributedSockets;

internal sealed partial class RedisMessageLog
{
    private static partial class Log
    {
        [LoggerMessage(1070, LogLevel.Error, "Taking an entry of the log of hub {Hub} failed. {Others} more failed in this way since the last report.")]
        public static partial void ReceiverFailed(ILogger logger, string hub, int others, Exception exception);

        [LoggerMessage(1071, LogLevel.Warning, "A message on the channel of the log of hub {Hub} is none of ours and was dropped. {Others} more were dropped since the last report.")]
        public static partial void UnreadableMessage(ILogger logger, string hub, int others);
    }
}
