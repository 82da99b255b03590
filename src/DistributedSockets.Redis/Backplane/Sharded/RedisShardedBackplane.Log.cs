using System.Net;
using Microsoft.Extensions.Logging;

namespace DistributedSockets;

internal sealed partial class RedisShardedBackplane
{
    private static partial class Log
    {
        [LoggerMessage(1031, LogLevel.Information, "Redis backplane connected to a cluster with {Primaries} primaries.")]
        public static partial void Sharded(ILogger logger, int primaries);

        [LoggerMessage(1032, LogLevel.Error, "Redis backplane cannot work: {Problem}")]
        public static partial void NotSharded(ILogger logger, string problem);

        [LoggerMessage(1033, LogLevel.Warning, "Redis backplane lost the primary {Primary}; messages that go through it fail until it or its successor is there.")]
        public static partial void PrimaryAway(ILogger logger, EndPoint primary, Exception? exception);

        [LoggerMessage(1034, LogLevel.Information, "Redis backplane has the primary {Primary} back.")]
        public static partial void PrimaryBack(ILogger logger, EndPoint primary);

        [LoggerMessage(1035, LogLevel.Information, "Redis backplane followed {Slots} slots and {Channels} channels to other primaries; there are {Primaries} now.")]
        public static partial void SlotsMoved(ILogger logger, int slots, int channels, int primaries);

        [LoggerMessage(1036, LogLevel.Warning, "Redis backplane cannot find out which primary owns which slot; it goes on trying.")]
        public static partial void SlotsUnknown(ILogger logger, Exception exception);

        [LoggerMessage(1038, LogLevel.Debug, "Redis backplane has not found the primaries of its cluster yet; it goes on trying.")]
        public static partial void NotThereYet(ILogger logger, Exception exception);

        [LoggerMessage(1037, LogLevel.Error, "Following the slots of the Redis Cluster failed unexpectedly; it goes on trying.")]
        public static partial void WatchCrashed(ILogger logger, Exception exception);
    }
}
