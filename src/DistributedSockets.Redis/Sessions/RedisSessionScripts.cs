namespace DistributedSockets;

/// <summary>The atomic steps. Each touches the keys of one node only, all of them given as KEYS.</summary>
internal static class RedisSessionScripts
{
    /// <summary>Where the counts of users stand among the keys of an update or claim.</summary>
    public const string UserCounts = "3";

    /// <summary>Where the counts of groups stand among the keys of an update or claim.</summary>
    public const string GroupCounts = "4";

    /// <summary>Whether a lease has reached a number. Numbers have too many digits for Lua's own.</summary>
    private const string HasReached = """
        local function reached(lease, number)
          return type(lease) == 'string' and string.match(lease, '^[1-9]%d*$') ~= nil
            and (#lease > #number or (#lease == #number and lease >= number))
        end

        """;

    /// <summary>Renews the lease, and returns whether it was held and had reached a number; one that had not becomes provisional.</summary>
    /// <remarks>KEYS: lease. ARGV: the number that it must have reached, the number to write, and for how long, in milliseconds.</remarks>
    public const string Renew = HasReached + """
        local held = reached(redis.call('GET', KEYS[1]), ARGV[1])
        redis.call('SET', KEYS[1], held and ARGV[2] or '0', 'PX', ARGV[3])
        return held and 1 or 0
        """;

    /// <summary>Applies updates of sessions; applying them twice is the same as once.</summary>
    /// <remarks>
    /// First the lease in KEYS, and in ARGV the number of the write, or empty for a write without one, and the number that the lease must
    /// have reached: one that has not becomes provisional, as writes are missing that had been confirmed. A lease that is provisional
    /// stays so, and one that is gone stays gone. Per update, KEYS: hubs, sessions, users, groups, the connection's own groups, then one
    /// set per index. ARGV: hub, connection, '+' to write the session, '-' if it has ended, or '=' if only groups of it change, record,
    /// number of indexes, then per index '+' or '-', '3' for a user or '4' for a group, and its name.
    /// A session that is missing gets no groups. The counts are set from the sets' sizes, never added to, so that a repeated update does
    /// no harm.
    /// </remarks>
    public const string Apply = HasReached + """
        local a, k = 3, 1
        while a <= #ARGV do
          local connection, kind, indexes = ARGV[a + 1], ARGV[a + 2], tonumber(ARGV[a + 4])
          local sessions, own, there = KEYS[k + 2], KEYS[k + 5], kind == '+'
          if kind == '=' then
            there = redis.call('HGET', sessions, connection) ~= false
          else
            redis.call('DEL', own)
            if there then
              redis.call('SADD', KEYS[k + 1], ARGV[a])
              redis.call('HSET', sessions, connection, ARGV[a + 3])
            else
              redis.call('HDEL', sessions, connection)
            end
          end
          a = a + 5
          for i = 1, indexes do
            local set, counts, name = KEYS[k + 5 + i], KEYS[k + tonumber(ARGV[a + 1])], ARGV[a + 2]
            local change = ARGV[a] == '+' and there and 'SADD' or 'SREM'
            redis.call(change, set, connection)
            if ARGV[a + 1] == '4' then redis.call(change, own, name) end
            local count = redis.call('SCARD', set)
            if count == 0 then
              redis.call('HDEL', counts, name)
            else
              redis.call('HSET', counts, name, count)
            end
            a = a + 3
          end
          k = k + 5 + indexes
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
    /// KEYS: lease, sessions, users, groups, the connection's own groups, then one set per index. ARGV: connection, then per index '3' or
    /// '4', and its name.
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
        for i = 6, #KEYS do
          local counts, name = KEYS[tonumber(ARGV[(i - 5) * 2])], ARGV[(i - 5) * 2 + 1]
          ours(counts, 'hash')
          ours(KEYS[i], 'set')
          redis.call('SREM', KEYS[i], ARGV[1])
          local count = redis.call('SCARD', KEYS[i])
          if count == 0 then
            redis.call('HDEL', counts, name)
          else
            redis.call('HSET', counts, name, count)
          end
        end
        return {record, groups}
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
