using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>The keys in which the sizes of a hub's groups are kept, one set of them for the cluster, under one hash tag.</summary>
/// <remarks>No node id holds a colon, so the tag is none of a node.</remarks>
internal readonly struct RedisHubKeys
{
    private readonly string _tag;

    public RedisHubKeys(string prefix, string hub)
    {
        if (!RedisSessionKeys.IsPlain(hub))
        {
            throw new ArgumentException($"The hub name '{hub}' cannot be part of a key. It must not be empty or contain any of :{{}}.", nameof(hub));
        }

        _tag = $"{{{prefix}:hub:{hub}}}";
    }

    /// <summary>The sorted set from node to the moment its lease runs out, in milliseconds since 1970 by the server's clock.</summary>
    public RedisKey Leases => _tag + ":leases";

    /// <summary>The hash from node to the number of its last write.</summary>
    public RedisKey Numbers => _tag + ":numbers";

    /// <summary>The sorted set from group to the number of its connections, negative so that the largest comes first.</summary>
    public RedisKey Sizes => _tag + ":sizes";

    /// <summary>The sorted set of the groups, by name.</summary>
    public RedisKey Names => _tag + ":names";

    /// <summary>The hash from group to the number of its connections on one node: its share in the sizes.</summary>
    /// <param name="nodeId">The node, as it stands in <see cref="Leases"/>, where anything may stand.</param>
    public RedisKey ShareOf(RedisValue nodeId) => ((RedisKey)(_tag + ":share:")).Append((byte[]?)nodeId);

    /// <summary>The keys of a script about a node's share.</summary>
    public RedisKey[] For(RedisValue nodeId) => [Leases, Numbers, Sizes, Names, ShareOf(nodeId)];

    /// <summary>What each of <see cref="For"/> holds if it is ours.</summary>
    public (RedisKey Key, string Type)[] TypesFor(RedisValue nodeId) =>
        [(Leases, "zset"), (Numbers, "hash"), (Sizes, "zset"), (Names, "zset"), (ShareOf(nodeId), "hash")];
}
