using Microsoft.Extensions.Logging;

namespace DistributedSockets;

internal sealed partial class NatsMessageLog
{
    internal static partial class Log
    {
        [LoggerMessage(1170, LogLevel.Warning, "The message log in JetStream is away; logged sends fail until it is back.")]
        public static partial void Unavailable(ILogger logger, Exception? exception);

        [LoggerMessage(1171, LogLevel.Information, "The message log in JetStream is there, through NATS server {Server}.")]
        public static partial void Available(ILogger logger, string? server);

        [LoggerMessage(1172, LogLevel.Information, "The log of hub {Hub} begins epoch {Epoch} in JetStream.")]
        public static partial void EpochBegun(ILogger logger, string hub, long epoch);

        [LoggerMessage(1173, LogLevel.Error, "The log of hub {Hub} in JetStream has lost entries of epoch {Epoch}, which had reached offset {Offset}. It is deleted, and another epoch begins.")]
        public static partial void EpochLost(ILogger logger, string hub, long epoch, long offset);

        [LoggerMessage(1174, LogLevel.Warning, "Stream {Stream} in JetStream exists with other settings than this node has ({Settings}), and is used as it is.")]
        public static partial void OtherSettings(ILogger logger, string stream, string settings);

        [LoggerMessage(1175, LogLevel.Information, "What the log of hub {Hub} keeps was changed in JetStream to what this node's options say.")]
        public static partial void RetentionChanged(ILogger logger, string hub);

        [LoggerMessage(1176, LogLevel.Error, "Taking an entry of hub {Hub} from the message log failed. {Others} more failed in this way since the last report.")]
        public static partial void ReceiverFailed(ILogger logger, string hub, int others, Exception exception);
    }
}
