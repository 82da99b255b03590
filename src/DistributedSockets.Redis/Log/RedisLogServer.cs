using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>A connection of the log, and what kind of server it leads to.</summary>
internal sealed class RedisLogServer
{
    private static readonly RedisValue ReplicationSection = "replication";
    private static readonly RedisValue ReplicationId = "master_replid:(%w+)";
    private static readonly RedisValue ServerSection = "server";
    private static readonly RedisValue RunId = "run_id:(%w+)";
    private static readonly RedisValue Plain = "PUBLISH";
    private static readonly RedisValue Sharded = "SPUBLISH";
    private static readonly Version ShardedPubSub = new(7, 0);

    private readonly string _channelPrefix;

    public RedisLogServer(IConnectionMultiplexer multiplexer, string channelPrefix)
    {
        var servers = multiplexer.GetServers();
        var connected = Array.FindAll(servers, static server => server.IsConnected);
        _channelPrefix = channelPrefix;
        Multiplexer = multiplexer;
        Database = multiplexer.GetDatabase();
        Subscriber = multiplexer.GetSubscriber();
        IsCluster = Array.Exists(servers, static server => server.ServerType == ServerType.Cluster);
        IsSharded = IsCluster && Array.TrueForAll(connected, static server => server.Version >= ShardedPubSub);
        Placement = servers.Length > 1 ? CommandFlags.DemandMaster : CommandFlags.None;

        // Garnet names a run of the server, but has no other replication id than zeros unless it is a cluster.
        var isGarnet = Array.Exists(connected, static server => server.GetProductVariant(out _) == ProductVariant.Garnet);
        (IdSection, IdPattern) = isGarnet ? (ServerSection, RunId) : (ReplicationSection, ReplicationId);
    }

    public IConnectionMultiplexer Multiplexer { get; }

    public IDatabase Database { get; }

    public ISubscriber Subscriber { get; }

    public bool IsCluster { get; }

    /// <summary>Whether the channels are those of sharded pub/sub.</summary>
    public bool IsSharded { get; }

    /// <summary>Which server takes subscriptions.</summary>
    public CommandFlags Placement { get; }

    /// <summary>In which section of INFO the server says who it is.</summary>
    public RedisValue IdSection { get; }

    /// <summary>The Lua pattern of what it says.</summary>
    public RedisValue IdPattern { get; }

    /// <summary>The command by which a script publishes.</summary>
    public RedisValue Publish => IsSharded ? Sharded : Plain;

    /// <summary>A channel for the multiplexer, which puts a prefix before it.</summary>
    public RedisChannel ChannelOf(string name) => IsSharded ? RedisChannel.Sharded(name) : RedisChannel.Literal(name).WithKeyRouting();

    /// <summary>A channel for a script, which has to put the prefix before it itself.</summary>
    public RedisValue FullNameOf(string channel) => _channelPrefix + channel;
}
