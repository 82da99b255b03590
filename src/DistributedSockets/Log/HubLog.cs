using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace DistributedSockets;

/// <summary>What one hub logs, and what its log keeps, as its options say.</summary>
internal sealed class HubLog
{
    private const char Wildcard = '*';

    private readonly HashSet<string> _groups = new(StringComparer.Ordinal);
    private readonly string[] _beginnings;
    private readonly bool _users;
    private readonly bool _all;
    private readonly string _settings;

    private HubLog(string hub, HubOptions options)
    {
        _users = options.LogUsers;
        _all = options.LogAll;
        var beginnings = new List<string>();
        foreach (var pattern in options.LoggedGroups)
        {
            if (pattern.EndsWith(Wildcard))
            {
                beginnings.Add(pattern[..^1]);
            }
            else
            {
                _groups.Add(pattern);
            }
        }

        _beginnings = [.. beginnings];
        Hub = new()
        {
            Name = hub,
            Retention = new()
            {
                MaxAge = options.LogMaxAge,
                MaxEntriesPerTarget = options.LogMaxEntriesPerTarget,
                MaxBytesPerTarget = options.LogMaxBytesPerTarget == 0 ? null : options.LogMaxBytesPerTarget,
                IdempotencyTime = options.LogIdempotencyTime,
            },
        };
        _settings = Digest(options);
    }

    /// <summary>How the log of the hub is spoken of.</summary>
    internal LogHub Hub { get; }

    /// <summary>What a hub logs; null if it has no log.</summary>
    internal static HubLog? Of(string hub, HubOptions options) =>
        options.EnableLog || options.EnableResume || options.LoggedGroups.Count > 0 || options.LogUsers || options.LogAll ? new(hub, options) : null;

    /// <summary>Whether what is sent to a target is logged unless the send says otherwise.</summary>
    internal bool Logs(in WebSocketTarget target)
    {
        switch (target.Kind)
        {
            case WebSocketTargetKind.All:
                return _all;
            case WebSocketTargetKind.Users:
                return _users;
            case WebSocketTargetKind.Groups:
                for (var i = 0; i < target.Count; i++)
                {
                    if (LogsGroup(target[i]))
                    {
                        return true;
                    }
                }

                return false;
            default:
                return false;
        }
    }

    /// <summary>What a node says of the log of a hub, so that others notice what differs.</summary>
    /// <param name="system">What keeps the log.</param>
    internal string Describe(string system) => $"{system}:{_settings}";

    private bool LogsGroup(string group)
    {
        if (_groups.Contains(group))
        {
            return true;
        }

        foreach (var beginning in _beginnings)
        {
            if (group.StartsWith(beginning, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Eight digits that stand for all settings that must be the same, in whatever order the groups are listed.</summary>
    private static string Digest(HubOptions options)
    {
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"{options.LogUsers} {options.LogAll} {options.LogMaxAge.Ticks} {options.LogMaxEntriesPerTarget} {options.LogMaxBytesPerTarget} {options.LogIdempotencyTime.Ticks}");
        var groups = options.LoggedGroups.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', [text, .. groups])));
        return Convert.ToHexStringLower(hash.AsSpan(0, sizeof(uint)));
    }
}
