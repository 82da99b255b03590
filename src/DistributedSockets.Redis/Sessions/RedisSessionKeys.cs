using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>The keys of one node. All carry one hash tag, so that a script may touch any of them on a Redis Cluster.</summary>
/// <remarks>
/// Prefix, node id and hub hold none of <c>:{}</c>, and a free name (user, group, connection) always comes last, so no two keys collide.
/// </remarks>
internal readonly struct RedisSessionKeys
{
    private readonly string _tag;

    public RedisSessionKeys(string prefix, string nodeId)
    {
        if (!IsPlain(nodeId))
        {
            throw new ArgumentException($"The node id '{nodeId}' cannot be part of a key. It must not be empty or contain any of :{{}}.", nameof(nodeId));
        }

        NodeId = nodeId;
        _tag = $"{{{prefix}:{nodeId}}}";
    }

    public string NodeId { get; }

    /// <summary>A string that expires with the node's lease.</summary>
    public RedisKey Lease => _tag + ":lease";

    /// <summary>The set of the hubs that have had sessions.</summary>
    public RedisKey Hubs => _tag + ":hubs";

    /// <summary>The hash from node id to <see cref="RedisNodeRecord"/>, one for the cluster.</summary>
    public static RedisKey Nodes(string prefix) => prefix + ":nodes";

    /// <summary>The hash of a hub's presence records, one for the cluster; its own hash tag, so that a cluster spreads the hubs.</summary>
    public static RedisKey Presence(string prefix, string hub) => IsPlain(hub)
        ? $"{{{prefix}:presence:{hub}}}"
        : throw new ArgumentException($"The hub name '{hub}' cannot be part of a key. It must not be empty or contain any of :{{}}.", nameof(hub));

    /// <summary>Whether a hub or node id may stand in a key.</summary>
    public static bool IsPlain(string? name) => !string.IsNullOrEmpty(name) && name.AsSpan().IndexOfAny(":{}") < 0;

    /// <summary>The hash from connection id to <see cref="RedisSessionRecord"/>.</summary>
    public RedisKey Sessions(string hub) => Of(hub, "sessions");

    /// <summary>The hash from user to the number of its connections: also the list of all <see cref="User"/> keys.</summary>
    public RedisKey Users(string hub) => Of(hub, "users");

    /// <summary>The hash from group to the number of its connections: also the list of all <see cref="Group"/> keys.</summary>
    public RedisKey Groups(string hub) => Of(hub, "groups");

    /// <summary>The sorted set of all connection ids, by name: what pages go by.</summary>
    public RedisKey Connections(string hub) => Of(hub, "connections");

    /// <summary>The set of a connection's groups.</summary>
    public RedisKey GroupsOf(string hub, string connectionId) => Of(hub, "of:") + connectionId;

    /// <summary>The sorted set of a user's connection ids, by name.</summary>
    public RedisKey User(string hub, string userId) => Of(hub, "user:") + userId;

    /// <summary>The sorted set of a group's connection ids, by name.</summary>
    public RedisKey Group(string hub, string group) => Of(hub, "group:") + group;

    private string Of(string hub, string rest) => IsPlain(hub)
        ? $"{_tag}:{hub}:{rest}"
        : throw new ArgumentException($"The hub name '{hub}' cannot be part of a key. It must not be empty or contain any of :{{}}.", nameof(hub));
}
