using System.Globalization;

namespace DistributedSockets;

/// <summary>What presence is about: a user, or a user in a group.</summary>
internal readonly record struct PresenceSubject(string UserId, string? Group)
{
    /// <summary>The key of its record. Free names come last, and a group's says how long it is, so no two keys collide.</summary>
    internal string Key => Group is null ? $"u:{UserId}" : string.Create(CultureInfo.InvariantCulture, $"g{Group.Length}:{Group}{UserId}");

    /// <summary>Reads a key that may be anything; false if it is of no subject.</summary>
    internal static bool TryParse(string key, out PresenceSubject subject)
    {
        subject = default;
        var colon = key.IndexOf(':', StringComparison.Ordinal);
        if (colon < 1 || colon + 1 == key.Length)
        {
            return false;
        }

        if (colon == 1 && key[0] == 'u')
        {
            subject = new(key[2..], null);
            return true;
        }

        if (key[0] != 'g' || !int.TryParse(key.AsSpan(1, colon - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var length)
            || length == 0 || length >= key.Length - colon - 1)
        {
            return false;
        }

        subject = new(key[(colon + 1 + length)..], key.Substring(colon + 1, length));
        return true;
    }
}
