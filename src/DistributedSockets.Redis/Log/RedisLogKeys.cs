using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>The keys of one hub's log. All carry one hash tag, and so does its channel, so that a script may touch any of them on a Redis Cluster.</summary>
/// <remarks>
/// Prefix and hub hold none of <c>:{}</c>, and a free name always comes last, so no two keys collide. What belongs to an epoch has it in the
/// key: what is left of an older one is never read, and expires.
/// </remarks>
internal sealed class RedisLogKeys
{
    private readonly string _tag;

    public RedisLogKeys(string prefix, string hub)
    {
        if (!RedisSessionKeys.IsPlain(hub))
        {
            throw new ArgumentException($"The hub name '{hub}' cannot be part of a key. It must not be empty or contain any of :{{}}.", nameof(hub));
        }

        _tag = $"{{{prefix}:log:{hub}}}";
        Head = _tag;
        Channel = $"{prefix}:v1:{_tag}:log";
        Probe = $"{prefix}:v1:{_tag}:probe:{Guid.NewGuid():N}";
    }

    /// <summary>The hash with the epoch, the end, and what was removed.</summary>
    public RedisKey Head { get; }

    /// <summary>The channel on which entries are published.</summary>
    public string Channel { get; }

    /// <summary>A channel to which only this node listens.</summary>
    public string Probe { get; }

    /// <summary>The string with the version of a session's record, and the record behind it. It belongs to no epoch.</summary>
    public RedisKey Record(string sessionId) => $"{_tag}:session:{sessionId}";

    /// <summary>The keys of one epoch.</summary>
    public Epoch Of(long epoch) => new(Head, $"{_tag}:{epoch}:");

    /// <summary>The keys that belong to one epoch of the log.</summary>
    public sealed class Epoch(RedisKey head, string stem)
    {
        private readonly RedisKey _entries = stem + "entries"; // the hash from offset to time, previous offset and payload
        private readonly RedisKey _ticks = stem + "ticks"; // the list of times and offsets
        private readonly RedisKey _shared = stem + "shared"; // the hash from offset to how many targets hold an entry that has several

        /// <summary>Adds what every script is given first.</summary>
        public void AddTo(List<RedisKey> keys)
        {
            keys.Add(head);
            keys.Add(_entries);
            keys.Add(_ticks);
            keys.Add(_shared);
        }

        /// <summary>The list of a target's offsets.</summary>
        public RedisKey Target(LogTarget target) => stem + target.Kind switch
        {
            WebSocketTargetKind.Connections => "connection:",
            WebSocketTargetKind.Users => "user:",
            WebSocketTargetKind.Groups => "group:",
            _ => "all",
        } + target.Name;

        /// <summary>The string with the offset of the entry that was appended under a key of idempotency.</summary>
        public RedisKey Idempotency(string key) => stem + "key:" + key;
    }
}
