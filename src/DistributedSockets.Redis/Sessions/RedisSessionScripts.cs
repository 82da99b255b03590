namespace DistributedSockets;

/// <summary>The atomic steps. Each touches the keys of one node only, all of them given as KEYS.</summary>
internal static class RedisSessionScripts
{
    /// <summary>Where the counts of users stand among the keys of an update or claim.</summary>
    public const string UserCounts = "3";

    /// <summary>Where the counts of groups stand among the keys of an update or claim.</summary>
    public const string GroupCounts = "4";

    /// <summary>Whether a lease has reached a number. Numbers have too many digits for Lua's own.</summary>
    public const string HasReached = """
        local function reached(lease, number)
          return type(lease) == 'string' and string.match(lease, '^[1-9]%d*$') ~= nil
            and (#lease > #number or (#lease == #number and lease >= number))
        end

        """;

    /// <summary>Renews the lease. One that was not held, or had not reached a number, becomes provisional.</summary>
    /// <remarks>
    /// KEYS: lease, hubs. ARGV: the number that it must have reached, the number to write, and for how long, in milliseconds. Returns whether it was held
    /// and had reached the number, when it runs out by the server's clock, and the hubs.
    /// </remarks>
    public const string Renew = HasReached + """
        local held = reached(redis.call('GET', KEYS[1]), ARGV[1])
        redis.call('SET', KEYS[1], held and ARGV[2] or '0', 'PX', ARGV[3])
        local time = redis.call('TIME')
        local expiry = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(ARGV[3])
        local hubs = {}
        if redis.call('TYPE', KEYS[2])['ok'] == 'set' then hubs = redis.call('SMEMBERS', KEYS[2]) end
        return {held and 1 or 0, string.format('%.0f', expiry), hubs}
        """;

    /// <summary>Applies updates of sessions; applying them twice is the same as once.</summary>
    /// <remarks>
    /// First the lease in KEYS, and in ARGV the number of the write, or empty for a write without one, and the number that the lease must
    /// have reached: one that has not becomes provisional, as writes are missing that had been confirmed. A lease that is provisional
    /// stays so, and one that is gone stays gone. Per update, KEYS: hubs, sessions, users, groups, the connection's own groups, connections,
    /// then one sorted set per index. ARGV: hub, connection, '+' to write the session, '-' if it has ended, '~' if its record changes, or '='
    /// if only groups of it change, record, number of indexes, then per index '+' or '-', '3' for a user or '4' for a group, and its name.
    /// A session that is missing gets no groups. The counts are set from the sets' sizes, never added to, so that a repeated update does
    /// no harm.
    /// </remarks>
    public const string Apply = HasReached + """
        local a, k = 3, 1
        while a <= #ARGV do
          local connection, kind, indexes = ARGV[a + 1], ARGV[a + 2], tonumber(ARGV[a + 4])
          local sessions, own, there = KEYS[k + 2], KEYS[k + 5], kind == '+'
          if kind == '=' or kind == '~' then
            there = redis.call('HGET', sessions, connection) ~= false
            if there and kind == '~' then redis.call('HSET', sessions, connection, ARGV[a + 3]) end
          else
            redis.call('DEL', own)
            if there then
              redis.call('SADD', KEYS[k + 1], ARGV[a])
              redis.call('HSET', sessions, connection, ARGV[a + 3])
              redis.call('ZADD', KEYS[k + 6], '0', connection)
            else
              redis.call('HDEL', sessions, connection)
              redis.call('ZREM', KEYS[k + 6], connection)
            end
          end
          a = a + 5
          for i = 1, indexes do
            local set, counts, name = KEYS[k + 6 + i], KEYS[k + tonumber(ARGV[a + 1])], ARGV[a + 2]
            local isMember = ARGV[a] == '+' and there
            if isMember then redis.call('ZADD', set, '0', connection) else redis.call('ZREM', set, connection) end
            if ARGV[a + 1] == '4' then redis.call(isMember and 'SADD' or 'SREM', own, name) end
            local count = redis.call('ZCARD', set)
            if count == 0 then
              redis.call('HDEL', counts, name)
            else
              redis.call('HSET', counts, name, count)
            end
            a = a + 3
          end
          k = k + 6 + indexes
        end
        if ARGV[1] ~= '' then
          local lease = redis.pcall('GET', KEYS[1])
          if type(lease) == 'string' and lease ~= '0' then
            redis.call('SET', KEYS[1], reached(lease, ARGV[2]) and ARGV[1] or '0', 'XX', 'KEEPTTL')
          end
        end
        return 1
        """;

    /// <summary>Reads sessions of a hub, each as a whole.</summary>
    /// <remarks>
    /// KEYS: sessions, then the connections' own groups. ARGV: the connections. Returns connection, record and groups of each that is
    /// there; false for groups that hold something else.
    /// </remarks>
    public const string Read = """
        local found = {}
        for i = 1, #ARGV do
          local record = redis.call('HGET', KEYS[1], ARGV[i])
          if record then
            local groups = redis.pcall('SMEMBERS', KEYS[i + 1])
            found[#found + 1] = ARGV[i]
            found[#found + 1] = record
            found[#found + 1] = groups['err'] == nil and groups
          end
        end
        return found
        """;

    /// <summary>Takes one session of a node without a lease, and returns its record and its groups to the one caller that removed it.</summary>
    /// <remarks>
    /// KEYS: lease, sessions, users, groups, the connection's own groups, connections, then one sorted set per index. ARGV: connection, then
    /// per index '3' or '4', and its name.
    /// The deletion decides who is the one caller, since scripts on Garnet may interleave unless it is told otherwise. An index that
    /// holds something else is deleted: failing there would lose the session, which is no longer listed.
    /// </remarks>
    public const string Claim = """
        local function ours(key, kind)
          local found = redis.call('TYPE', key)['ok']
          if found ~= kind and found ~= 'none' then redis.call('DEL', key) end
        end
        if redis.call('EXISTS', KEYS[1]) == 1 then return false end
        local record = redis.call('HGET', KEYS[2], ARGV[1])
        if not record or redis.call('HDEL', KEYS[2], ARGV[1]) == 0 then return false end
        ours(KEYS[5], 'set')
        local groups = redis.call('SMEMBERS', KEYS[5])
        redis.call('DEL', KEYS[5])
        ours(KEYS[6], 'zset')
        redis.call('ZREM', KEYS[6], ARGV[1])
        for i = 7, #KEYS do
          local counts, name = KEYS[tonumber(ARGV[(i - 6) * 2])], ARGV[(i - 6) * 2 + 1]
          ours(counts, 'hash')
          ours(KEYS[i], 'zset')
          redis.call('ZREM', KEYS[i], ARGV[1])
          local count = redis.call('ZCARD', KEYS[i])
          if count == 0 then
            redis.call('HDEL', counts, name)
          else
            redis.call('HSET', counts, name, count)
          end
        end
        return {record, groups}
        """;

    /// <summary>Counts the connections that are in both of two sorted sets. The first should be the smaller one.</summary>
    /// <remarks>KEYS: the two.</remarks>
    public const string CountBoth = """
        local count = 0
        for _, connection in ipairs(redis.call('ZRANGE', KEYS[1], '0', '-1')) do
          if redis.call('ZSCORE', KEYS[2], connection) then count = count + 1 end
        end
        return count
        """;

    /// <summary>Forgets sessions of a hub with their own groups; indexes that lead to them stay.</summary>
    /// <remarks>KEYS: sessions, then the connections' own groups. ARGV: the connections.</remarks>
    public const string Forget = """
        for i = 1, #ARGV do
          redis.call('DEL', KEYS[i + 1])
          redis.call('HDEL', KEYS[1], ARGV[i])
        end
        return 1
        """;

    /// <summary>Deletes what a node without a lease has left behind of a hub without sessions.</summary>
    /// <remarks>
    /// KEYS: lease, sessions, hubs, then what to delete. ARGV: the hub if this was the last of it, else empty. What holds something else
    /// in the place of the sessions is deleted too.
    /// </remarks>
    public const string Purge = """
        if redis.call('EXISTS', KEYS[1]) == 1 or redis.call('TYPE', KEYS[2])['ok'] == 'hash' then return 0 end
        redis.call('DEL', KEYS[2])
        for i = 4, #KEYS do redis.call('DEL', KEYS[i]) end
        if ARGV[1] ~= '' then redis.call('SREM', KEYS[3], ARGV[1]) end
        return 1
        """;

    /// <summary>Deletes keys that hold something else than ours.</summary>
    /// <remarks>KEYS: the keys. ARGV: the type that each has if it is ours. Returns how many were deleted.</remarks>
    public const string Discard = """
        local deleted = 0
        for i = 1, #KEYS do
          local found = redis.call('TYPE', KEYS[i])['ok']
          if found ~= ARGV[i] and found ~= 'none' then
            redis.call('DEL', KEYS[i])
            deleted = deleted + 1
          end
        end
        return deleted
        """;
}
