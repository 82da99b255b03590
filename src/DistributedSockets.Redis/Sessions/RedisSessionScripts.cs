namespace DistributedSockets;

/// <summary>The atomic steps. Each touches the keys of one node only, all of them given as KEYS.</summary>
internal static class RedisSessionScripts
{
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

    /// <summary>Applies changes in order; applying them twice is the same as once.</summary>
    /// <remarks>
    /// First the lease in KEYS, and in ARGV the number of the write, or empty for a write without one, and the number that the lease must
    /// have reached: one that has not becomes provisional, as writes are missing that had been confirmed. A lease that is provisional
    /// stays so, and one that is gone stays gone. Per change, KEYS: hubs, sessions, users, groups, then one set per index. ARGV: hub,
    /// connection, record (empty for an ended session), number of indexes, then per index '+' or '-', '3' for a user or '4' for a
    /// group, and its name.
    /// The counts are set from the sets' sizes, never added to, so that a repeated change does no harm.
    /// </remarks>
    public const string Apply = HasReached + """
        local a, k = 3, 1
        while a <= #ARGV do
          local connection, record, indexes = ARGV[a + 1], ARGV[a + 2], tonumber(ARGV[a + 3])
          if record == '' then
            redis.call('HDEL', KEYS[k + 2], connection)
          else
            redis.call('SADD', KEYS[k + 1], ARGV[a])
            redis.call('HSET', KEYS[k + 2], connection, record)
          end
          a = a + 4
          for i = 1, indexes do
            local set, counts, name = KEYS[k + 4 + i], KEYS[k + tonumber(ARGV[a + 1])], ARGV[a + 2]
            redis.call(ARGV[a] == '+' and 'SADD' or 'SREM', set, connection)
            local count = redis.call('SCARD', set)
            if count == 0 then
              redis.call('HDEL', counts, name)
            else
              redis.call('HSET', counts, name, count)
            end
            a = a + 3
          end
          k = k + 4 + indexes
        end
        if ARGV[1] ~= '' then
          local lease = redis.pcall('GET', KEYS[1])
          if type(lease) == 'string' and lease ~= '0' then
            redis.call('SET', KEYS[1], reached(lease, ARGV[2]) and ARGV[1] or '0', 'XX', 'KEEPTTL')
          end
        end
        return 1
        """;

    /// <summary>Takes one session of a node without a lease, and returns its record to the one caller that removed it.</summary>
    /// <remarks>
    /// KEYS: lease, sessions, users, groups, then one set per index. ARGV: connection, then per index '3' or '4', and its name.
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
        for i = 5, #KEYS do
          local counts, name = KEYS[tonumber(ARGV[(i - 4) * 2])], ARGV[(i - 4) * 2 + 1]
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
        return record
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
