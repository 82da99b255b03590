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

    /// <summary>Takes over what was set for backplane and session store at once.</summary>
    void Take(RedisOptions source)
    {
        ConnectionString = source.ConnectionString;
        Configuration = source.Configuration;
        ConnectionMultiplexer = source.ConnectionMultiplexer;
        OperationTimeout = source.OperationTimeout;
        TakeServers(source.Servers);
    }

    /// <summary>Takes over what concerns these options of several servers.</summary>
    void TakeServers(IEnumerable<RedisServerOptions> servers);
}
