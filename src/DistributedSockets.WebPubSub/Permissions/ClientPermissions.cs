using System.Text;

namespace DistributedSockets.WebPubSub;

/// <summary>What a client is allowed to do: by the roles of its token, and by what was granted later. Immutable; kept in the properties of its session.</summary>
internal sealed class ClientPermissions
{
    /// <summary>How the properties begin that hold the permissions: one after the other, since a property holds little.</summary>
    internal const string PropertyPrefix = "wps.p";

    /// <summary>How many properties they take at most. The others are left to the app.</summary>
    internal const int MaxProperties = 9;

    private const char Separator = '\0';
    private const char Escape = '\u0001';

    private readonly PermissionRule[] _rules;

    private ClientPermissions(PermissionRule[] rules) => _rules = rules;

    internal static ClientPermissions None { get; } = new([]);

    /// <summary>Reads roles; those that grant nothing here are passed over.</summary>
    internal static ClientPermissions FromRoles(IEnumerable<string> roles)
    {
        var rules = roles.Select(PermissionRule.FromRole).OfType<PermissionRule>().DistinctBy(static rule => rule.ToRole()).ToArray();
        return rules.Length == 0 ? None : new(rules);
    }

    internal static ClientPermissions FromProperties(IReadOnlyDictionary<string, string> properties)
    {
        if (!properties.TryGetValue($"{PropertyPrefix}0", out var text))
        {
            return None;
        }

        for (var i = 1; i < MaxProperties && properties.TryGetValue($"{PropertyPrefix}{i}", out var more); i++)
        {
            text += more;
        }

        return FromRoles(text.Split(Separator).Select(static role => Unescape(role)));
    }

    /// <summary>Whether a group may be joined and left, or sent to.</summary>
    internal bool Allows(ClientPermission permission, string group) => Array.Exists(_rules, rule => rule.Allows(permission, group));

    /// <summary>Whether there is a permission for a group, or for all groups where that is null.</summary>
    internal bool Has(ClientPermission permission, string? group) => group is null
        ? Array.Exists(_rules, rule => rule.Permission == permission && rule is { Group: null, Pattern: null })
        : Allows(permission, group);

    internal ClientPermissions With(ClientPermission permission, string? group) =>
        Array.Exists(_rules, rule => Is(rule, permission, group)) ? this : new([.. _rules, PermissionRule.For(permission, group)]);

    internal ClientPermissions Without(ClientPermission permission, string? group) =>
        new(Array.FindAll(_rules, rule => !Is(rule, permission, group)));

    /// <summary>Puts the permissions into the properties of a session, in the place of those that are there.</summary>
    /// <returns>Whether they have room.</returns>
    internal bool TryWriteTo(IDictionary<string, string> properties)
    {
        for (var i = 0; i < MaxProperties; i++)
        {
            properties.Remove($"{PropertyPrefix}{i}");
        }

        if (_rules.Length == 0)
        {
            return true;
        }

        var text = string.Join(Separator, _rules.Select(static rule => EscapeText(rule.ToRole()))).AsSpan();
        for (var i = 0; text.Length > 0; i++)
        {
            if (i == MaxProperties)
            {
                return false;
            }

            var length = Fit(text);
            properties[$"{PropertyPrefix}{i}"] = text[..length].ToString();
            text = text[length..];
        }

        return true;
    }

    private static bool Is(PermissionRule rule, ClientPermission permission, string? group) =>
        rule.Permission == permission && rule.Pattern is null && rule.Group == group;

    /// <summary>How many characters a property has room for.</summary>
    private static int Fit(ReadOnlySpan<char> text)
    {
        var (length, bytes) = (0, 0);
        foreach (var rune in text.EnumerateRunes())
        {
            bytes += rune.Utf8SequenceLength;
            if (bytes > SessionProperties.MaxValueBytes)
            {
                break;
            }

            length += rune.Utf16SequenceLength;
        }

        return length;
    }

    private static string EscapeText(string text) => text
        .Replace($"{Escape}", $"{Escape}2", StringComparison.Ordinal).Replace($"{Separator}", $"{Escape}1", StringComparison.Ordinal);

    private static string Unescape(string text)
    {
        if (!text.Contains(Escape, StringComparison.Ordinal))
        {
            return text;
        }

        var plain = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            plain.Append(text[i] != Escape || i + 1 == text.Length ? text[i] : text[++i] == '1' ? Separator : Escape);
        }

        return plain.ToString();
    }
}
