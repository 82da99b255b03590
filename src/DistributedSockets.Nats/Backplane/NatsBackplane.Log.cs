using Microsoft.Extensions.Logging;

namespace DistributedSockets;

internal sealed partial class NatsBackplane
{
    private static partial class Log
    {
        [LoggerMessage(1100, LogLevel.Information, "NATS backplane connected to {Server}.")]
        public static partial void Connected(ILogger logger, string? server);

        [LoggerMessage(1101, LogLevel.Warning, "NATS backplane lost its connection; messages for other nodes fail until it returns.")]
        public static partial void ConnectionLost(ILogger logger, Exception? exception);

        [LoggerMessage(1115, LogLevel.Debug, "NATS backplane is not connected at the start; it goes on trying.")]
        public static partial void NotThereYet(ILogger logger, Exception? exception);

        [LoggerMessage(1102, LogLevel.Information, "NATS backplane is back with {Channels} channels, connected to {Server}.")]
        public static partial void ConnectionRecovered(ILogger logger, int channels, string? server);

        [LoggerMessage(1103, LogLevel.Debug, "NATS backplane is not back after attempt {Attempt}.")]
        public static partial void RecoveryFailed(ILogger logger, int attempt, Exception? exception);

        [LoggerMessage(1104, LogLevel.Warning, "NATS backplane opens a new connection, as the old one does not deliver.")]
        public static partial void ConnectionReplaced(ILogger logger);

        [LoggerMessage(1105, LogLevel.Error, "Taking a message from channel {Channel} failed; the message is lost. {Others} more were lost in this way since the last report.")]
        public static partial void ReceiverFailed(ILogger logger, string channel, int others, Exception exception);

        [LoggerMessage(1106, LogLevel.Debug, "NATS was away while channel {Channel} was given up.")]
        public static partial void UnsubscribeFailed(ILogger logger, string channel, Exception exception);

        [LoggerMessage(1107, LogLevel.Error, "The recovery of the NATS backplane failed unexpectedly; it goes on trying.")]
        public static partial void RecoveryCrashed(ILogger logger, Exception exception);

        [LoggerMessage(1108, LogLevel.Warning, "NATS refuses the backplane; it goes on trying.")]
        public static partial void Refused(ILogger logger, Exception exception);

        [LoggerMessage(1109, LogLevel.Error, "NATS refused what the backplane sent: {Error}. {Others} more refusals were not logged since the last one.")]
        public static partial void ServerError(ILogger logger, string error, int others);

        [LoggerMessage(1110, LogLevel.Warning, "The NATS server {Server} is about to shut down (lame duck mode); the backplane moves to another one.")]
        public static partial void MovingAway(ILogger logger, string? server);

        [LoggerMessage(1111, LogLevel.Warning, "The NATS server {Server} is about to shut down (lame duck mode), and the backplane stays until it does.")]
        public static partial void ServerLeaves(ILogger logger, string? server);

        [LoggerMessage(1112, LogLevel.Information, "No node answers through the NATS server {Server} any more: they have left it, or it is gone or cut off.")]
        public static partial void PeerSilent(ILogger logger, string server);

        [LoggerMessage(1113, LogLevel.Warning, "The NATS server {Server} was cut off since {Since}, and is heard again.")]
        public static partial void PeerHeardAgain(ILogger logger, string server, DateTimeOffset since);

        [LoggerMessage(1114, LogLevel.Warning, "The NATS server {Server} lost another one of its cluster for a moment.")]
        public static partial void RouteBroke(ILogger logger, string? server);
    }
}
