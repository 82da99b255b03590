using Microsoft.Extensions.Logging;

namespace DistributedSockets;

internal sealed partial class RedisLogFeed
{
    private static partial class Log
    {
        [LoggerMessage(1060, LogLevel.Information, "Redis message log connected.")]
        public static partial void Connected(ILogger logger);

        [LoggerMessage(1061, LogLevel.Warning, "Redis message log lost its connection; logged sends fail until it returns.")]
        public static partial void ConnectionLost(ILogger logger, Exception? exception);

        [LoggerMessage(1062, LogLevel.Information, "Redis message log is back with {Hubs} hubs.")]
        public static partial void ConnectionRecovered(ILogger logger, int hubs);

        [LoggerMessage(1063, LogLevel.Debug, "Redis message log is not back after attempt {Attempt}.")]
        public static partial void RecoveryFailed(ILogger logger, int attempt, Exception? exception);

        [LoggerMessage(1064, LogLevel.Warning, "Redis message log opens a new connection, as the old one does not deliver.")]
        public static partial void ConnectionReplaced(ILogger logger);

        [LoggerMessage(1065, LogLevel.Debug, "Redis was away while the log's channel {Channel} was given up.")]
        public static partial void UnsubscribeFailed(ILogger logger, string channel, Exception exception);

        [LoggerMessage(1066, LogLevel.Error, "The recovery of the Redis message log failed unexpectedly; it goes on trying.")]
        public static partial void RecoveryCrashed(ILogger logger, Exception exception);

        [LoggerMessage(1067, LogLevel.Warning, "Redis refuses the message log; it goes on trying.")]
        public static partial void Refused(ILogger logger, Exception exception);

        [LoggerMessage(1068, LogLevel.Debug, "Redis message log is not connected at the start; it goes on trying.")]
        public static partial void NotThereYet(ILogger logger, Exception? exception);

        [LoggerMessage(1069, LogLevel.Warning, "Redis may evict keys when its memory is full, and whoever reads the message log then hears of gaps. Set maxmemory-policy to noeviction.")]
        public static partial void MayEvict(ILogger logger);
    }
}
