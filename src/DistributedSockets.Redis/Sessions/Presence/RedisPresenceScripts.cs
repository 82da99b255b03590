namespace DistributedSockets;

/// <summary>The atomic step of presence. It touches one hash only.</summary>
internal static class RedisPresenceScripts
{
    /// <summary>The field of the last version; those of records begin with <see cref="RecordPrefix"/>.</summary>
    public const string VersionField = "v";

    /// <summary>What stands before the key in the field of a record.</summary>
    public const string RecordPrefix = "r";

    /// <summary>How many digits a version has at most; what has more is none of ours.</summary>
    public const int MaxVersionDigits = 18;

    /// <summary>Writes records of a hub, each if it has the version expected, and none if the guard has not.</summary>
    /// <remarks>
    /// KEYS: the hash. ARGV: the guard's field and version, then per write its field, the version expected, '+' or '-', and the value. A value
    /// in the hash is the version, a colon, and what was written. Returns a version per write, '0' for what was not written; nothing at all
    /// if the guard is at another version.
    /// </remarks>
    public const string Write = """
        local function version(field)
          local value = redis.call('HGET', KEYS[1], field)
          local number = value and string.match(value, '^([1-9]%d*):')
          return number and #number < 19 and number or '0'
        end
        if version(ARGV[1]) ~= ARGV[2] then return {} end
        local versions = {}
        for i = 3, #ARGV, 4 do
          local written = '0'
          if version(ARGV[i]) == ARGV[i + 1] then
            written = ARGV[i + 1]
            if ARGV[i + 2] == '-' then
              redis.call('HDEL', KEYS[1], ARGV[i])
            else
              written = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'v', 1))
              redis.call('HSET', KEYS[1], ARGV[i], written .. ':' .. ARGV[i + 3])
            end
          end
          versions[#versions + 1] = written
        end
        return versions
        """;
}
