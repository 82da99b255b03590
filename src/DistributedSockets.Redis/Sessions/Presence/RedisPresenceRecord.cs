using System.Buffers.Text;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Fields and values of the hash of a hub's presence.</summary>
internal static class RedisPresenceRecord
{
    internal static RedisValue FieldOf(string key) => RedisPresenceScripts.RecordPrefix + key;

    /// <summary>The key of a record; null for the field of the last version, and for what is none of ours.</summary>
    internal static string? KeyOf(RedisValue field) =>
        (string?)field is { } name && name.StartsWith(RedisPresenceScripts.RecordPrefix, StringComparison.Ordinal) ? name[RedisPresenceScripts.RecordPrefix.Length..] : null;

    /// <summary>Reads what may be anything; null if it is no record, which the script sees as missing, too.</summary>
    internal static PresenceRecord? Read(string key, RedisValue value)
    {
        ReadOnlyMemory<byte> bytes = (byte[]?)value;
        var span = bytes.Span;
        var digits = span.IndexOf((byte)':');
        return digits is > 0 and <= RedisPresenceScripts.MaxVersionDigits && span[0] != (byte)'0' && !span[..digits].ContainsAnyExceptInRange((byte)'0', (byte)'9')
            && Utf8Parser.TryParse(span[..digits], out long version, out _)
            ? new() { Key = key, Version = version, Value = bytes[(digits + 1)..] }
            : null;
    }
}
