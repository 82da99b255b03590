namespace DistributedSockets;

/// <summary>The atomic steps that keep the sizes of a hub's groups. Each touches the keys of one hub only, all of them given as KEYS.</summary>
/// <remarks>
/// A size is the sum of the nodes' shares, and each node writes its own share alone, as absolute numbers: so a repeated step does no harm.
/// A share counts while its node has a number; one without is left over from sizes that are lost, and sizes without any number are those
/// of shares that are lost. Where scripts interleave, as on a Garnet
/// that is not told otherwise, each command is still atomic: sizes change by differences, and what an end removes is looked at again.
/// </remarks>
internal static class RedisGroupScripts
{
    /// <summary>The time of the server, in milliseconds.</summary>
    private const string Now = """
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

        """;

    /// <summary>Lets go of a group that has no connections any more.</summary>
    private const string Trim = """
        local function trim(group)
          redis.call('ZREMRANGEBYSCORE', KEYS[3], '0', '+inf')
          if not redis.call('ZSCORE', KEYS[3], group) then
            redis.call('ZREM', KEYS[4], group)
            if redis.call('ZSCORE', KEYS[3], group) then redis.call('ZADD', KEYS[4], '0', group) end
          end
        end

        """;

    /// <summary>Forgets sizes that belong to nobody. A number is written before the sizes it stands for, so they are looked at the other way round.</summary>
    private const string Forget = """
        if (redis.call('EXISTS', KEYS[3]) == 1 or redis.call('EXISTS', KEYS[4]) == 1) and redis.call('EXISTS', KEYS[2]) == 0 then
          redis.call('DEL', KEYS[3])
          redis.call('DEL', KEYS[4])
        end

        """;

    /// <summary>Nodes whose lease has run out, whose shares must go before anything is read.</summary>
    private const string Lost = """
        local lost = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', '0', '16')
        if #lost > 0 then return {1, lost} end

        """;

    /// <summary>Reads when a node's lease runs out, by the server's clock, and how many connections of it are in groups.</summary>
    /// <remarks>KEYS, of a node: lease, groups. ARGV: the groups. Returns the moment, or an empty text without a lease, and a number per group.</remarks>
    public const string Count = Now + """
        local left, answer = redis.call('PTTL', KEYS[1]), {''}
        if left > 0 then answer[1] = string.format('%.0f', now + left) end
        for i = 1, #ARGV do answer[i + 1] = redis.call('HGET', KEYS[2], ARGV[i]) or '0' end
        return answer
        """;

    /// <summary>Writes a part of a node's share.</summary>
    /// <remarks>
    /// KEYS: <see cref="RedisHubKeys.For"/>. ARGV: the node, when its lease runs out, the number that its writes must have reached or empty for the first
    /// one, the number of this write or empty for a write without one, then per group its name and size. Returns whether everything written
    /// before was there. A number that says that something is missing stays until the node begins anew.
    /// </remarks>
    public const string Share = RedisSessionScripts.HasReached + Now + Trim + Forget + """
        local lease, last = redis.call('ZSCORE', KEYS[1], ARGV[1]), redis.call('HGET', KEYS[2], ARGV[1])
        local whole = ARGV[3] == '' or (lease and tonumber(lease) > now and reached(last, ARGV[3]))
        if not last then redis.call('DEL', KEYS[5]) end
        if not whole then
          redis.call('HSET', KEYS[2], ARGV[1], '0')
        elseif ARGV[4] ~= '' then
          redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
        elseif not last then
          redis.call('HSET', KEYS[2], ARGV[1], '1')
        end
        if not lease or tonumber(lease) < tonumber(ARGV[2]) then redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1]) end
        for i = 5, #ARGV, 2 do
          local group, size = ARGV[i], tonumber(ARGV[i + 1])
          local before = tonumber(redis.call('HGET', KEYS[5], group) or '0')
          if size == 0 then redis.call('HDEL', KEYS[5], group) else redis.call('HSET', KEYS[5], group, ARGV[i + 1]) end
          if size ~= before then
            redis.call('ZINCRBY', KEYS[3], string.format('%.0f', before - size), group)
            if size > before then redis.call('ZADD', KEYS[4], '0', group) else trim(group) end
          end
        end
        return whole and 1 or 0
        """;

    /// <summary>Keeps a node's share for as long as its lease, and returns whether everything written before is there.</summary>
    /// <remarks>
    /// KEYS: <see cref="RedisHubKeys.For"/>. ARGV: the node, when its lease runs out, and the number that its writes must have reached, or empty if the
    /// caller has written nothing. Where the sizes are gone, or something else is in their place, and shares are not, all nodes are to write theirs again.
    /// </remarks>
    public const string Keep = RedisSessionScripts.HasReached + Now + """
        local lease, last = redis.call('ZSCORE', KEYS[1], ARGV[1]), redis.call('HGET', KEYS[2], ARGV[1])
        if ARGV[3] == '' and not lease and not last then return 1 end
        if redis.call('EXISTS', KEYS[5]) == 1 and (redis.call('TYPE', KEYS[3])['ok'] ~= 'zset' or redis.call('TYPE', KEYS[4])['ok'] ~= 'zset') then
          redis.call('DEL', KEYS[2])
          last = false
        end
        local whole = lease and tonumber(lease) > now and last and last ~= '0' and (ARGV[3] == '' or reached(last, ARGV[3]))
        if last and not whole then redis.call('HSET', KEYS[2], ARGV[1], '0') end
        redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
        return whole and 1 or 0
        """;

    /// <summary>Takes back a node's share, some groups at a time, and returns whether some are left.</summary>
    /// <remarks>KEYS: <see cref="RedisHubKeys.For"/>. ARGV: the node, how many groups at most, and '+' to do it only if its lease has run out.</remarks>
    public const string Drop = Now + Trim + Forget + """
        if ARGV[3] == '+' then
          local lease = redis.call('ZSCORE', KEYS[1], ARGV[1])
          if lease and tonumber(lease) > now then return 0 end
        end
        if not redis.call('HGET', KEYS[2], ARGV[1]) then redis.call('DEL', KEYS[5]) end
        local groups = redis.call('HRANDFIELD', KEYS[5], ARGV[2])
        for i = 1, #groups do
          local size = redis.call('HGET', KEYS[5], groups[i])
          if size and redis.call('HDEL', KEYS[5], groups[i]) == 1 then
            redis.call('ZINCRBY', KEYS[3], size, groups[i])
            trim(groups[i])
          end
        end
        if redis.call('EXISTS', KEYS[5]) == 1 then return 1 end
        redis.call('ZREM', KEYS[1], ARGV[1])
        redis.call('HDEL', KEYS[2], ARGV[1])
        return 0
        """;

    /// <summary>Reads groups by name.</summary>
    /// <remarks>
    /// KEYS: leases, sizes, names. ARGV: from, to, how many. Returns 1 and nodes whose shares must go first, or 0 and per group its name and its
    /// size, which is negative.
    /// </remarks>
    public const string ByName = Now + Lost + """
        local groups, found = redis.call('ZRANGEBYLEX', KEYS[3], ARGV[1], ARGV[2], 'LIMIT', '0', ARGV[3]), {}
        for i = 1, #groups do
          found[2 * i - 1] = groups[i]
          found[2 * i] = redis.call('ZSCORE', KEYS[2], groups[i]) or '0'
        end
        return {0, found}
        """;

    /// <summary>Reads groups, the largest first.</summary>
    /// <remarks>
    /// KEYS: leases, sizes. ARGV: how many, then the size, negative, and the name to go on behind, if any. Returns what <see cref="ByName"/> does. Names are
    /// compared by their bytes, as Redis does; Lua would compare them by the server's language.
    /// </remarks>
    public const string BySize = Now + Lost + """
        local function behind(name, other)
          for i = 1, math.min(#name, #other) do
            local one, two = string.byte(name, i), string.byte(other, i)
            if one ~= two then return one > two end
          end
          return #name > #other
        end
        local from = 0
        if ARGV[2] then
          local to = redis.call('ZCOUNT', KEYS[2], '-inf', ARGV[2])
          from = redis.call('ZCOUNT', KEYS[2], '-inf', '(' .. ARGV[2])
          while from < to do
            local middle = math.floor((from + to) / 2)
            local name = redis.call('ZRANGE', KEYS[2], string.format('%.0f', middle), string.format('%.0f', middle))[1]
            if not name or behind(name, ARGV[3]) then to = middle else from = middle + 1 end
          end
        end
        return {0, redis.call('ZRANGE', KEYS[2], string.format('%.0f', from), string.format('%.0f', from + tonumber(ARGV[1]) - 1), 'WITHSCORES')}
        """;
}
