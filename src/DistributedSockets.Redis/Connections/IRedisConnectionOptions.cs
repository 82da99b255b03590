using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>What the options classes have in common.</summary>
internal interface IRedisConnectionOptions
{
    string? ConnectionString { get; set; }

    ConfigurationOptions? Configuration { get; set; }

    IConnectionMultiplexer? ConnectionMultiplexer { get; set; }

    IList<RedisServerOptions> Servers => [];

    TimeSpan OperationTimeout { get; set; }
}
