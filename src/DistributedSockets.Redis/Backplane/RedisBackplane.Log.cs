using Microsoft.Extensions.Logging;

namespace DistributedSockets;

internal sealed partial class RedisBackplane
{
    private static partial class Log
    {
        [LoggerMessage(1000, LogLevel.Information, "Redis backplane connected.")]
        public static partial void Connected(ILogger logger);

        [LoggerMessage(1001, LogLevel.Warning, "Redis backplane lost its connection; messages for other nodes fail until it returns.")]
        public static partial void ConnectionLost(ILogger logger, Exception? exception);

        [LoggerMessage(1002, LogLevel.Information, "Redis backplane is back with {Channels} channels.")]
        public static partial void ConnectionRecovered(ILogger logger, int channels);

        [LoggerMessage(1003, LogLevel.Debug, "Redis backplane is not back after attempt {Attempt}.")]
        public static partial void RecoveryFailed(ILogger logger, int attempt, Exception? exception);

        [LoggerMessage(1004, LogLevel.Warning, "Redis backplane opens a new connection, as the old one does not deliver.")]
        public static partial void ConnectionReplaced(ILogger logger);

        [LoggerMessage(1005, LogLevel.Error, "Taking a message from channel {Channel} failed; the message is lost. {Others} more were lost in this way since the last report.")]
        public static partial void ReceiverFailed(ILogger logger, string channel, int others, Exception exception);

        [LoggerMessage(1006, LogLevel.Debug, "Redis was away while channel {Channel} was given up.")]
        public static partial void UnsubscribeFailed(ILogger logger, string channel, Exception exception);

        [LoggerMessage(1008, LogLevel.Warning, "Redis refuses the backplane; it goes on trying.")]
        public static partial void Refused(ILogger logger, Exception exception);

        [LoggerMessage(1009, LogLevel.Warning, "Redis is a replica; messages reach only nodes that are connected to the same one.")]
        public static partial void OnReplica(ILogger logger);

        [LoggerMessage(1010, LogLevel.Debug, "Redis backplane is not connected at the start; it goes on trying.")]
        public static partial void NotThereYet(ILogger logger, Exception? exception);

        [LoggerMessage(1030, LogLevel.Warning, "Redis had ended {Count} subscriptions; they have been made again.")]
        public static partial void SubscriptionsMended(ILogger logger, int count);

        [LoggerMessage(1007, LogLevel.Error, "The recovery of the Redis backplane failed unexpectedly; it goes on trying.")]
        public static partial void RecoveryCrashed(ILogger logger, Exception exception);
    }
}
