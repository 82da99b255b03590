namespace DistributedSockets.WebPubSub;

/// <summary>One permission of a client: for all groups, for one, or for those of a pattern.</summary>
internal sealed record PermissionRule
{
    private const string Prefix = "webpubsub.";

    private readonly GroupPattern? _pattern;

    private PermissionRule(ClientPermission permission, string? group, string? pattern, GroupPattern? parsed) =>
        (Permission, Group, Pattern, _pattern) = (permission, group, pattern, parsed);

    internal ClientPermission Permission { get; }

    /// <summary>The group; null for all, or for those of <see cref="Pattern"/>.</summary>
    internal string? Group { get; }

    internal string? Pattern { get; }

    internal static PermissionRule For(ClientPermission permission, string? group) => new(permission, group, null, null);

    /// <summary>Reads a role, such as <c>webpubsub.sendToGroup.chat</c>; null for one that grants nothing here.</summary>
    internal static PermissionRule? FromRole(string role)
    {
        if (!role.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return null;
        }

        var rest = role.AsSpan(Prefix.Length);
        var dot = rest.IndexOf('.');
        var name = dot < 0 ? rest : rest[..dot];
        var of = dot < 0 ? null : rest[(dot + 1)..].ToString(); // with all further dots
        return name switch
        {
            "joinLeaveGroup" when of is not "" => For(ClientPermission.JoinLeaveGroup, of),
            "sendToGroup" when of is not "" => For(ClientPermission.SendToGroup, of),
            "joinLeaveGroups" when of is not null => ForPattern(ClientPermission.JoinLeaveGroup, of),
            "sendToGroups" when of is not null => ForPattern(ClientPermission.SendToGroup, of),
            _ => null,
        };
    }

    internal string ToRole() => (Permission, Pattern) switch
    {
        (ClientPermission.JoinLeaveGroup, null) => $"{Prefix}joinLeaveGroup{Suffix(Group)}",
        (ClientPermission.JoinLeaveGroup, _) => $"{Prefix}joinLeaveGroups{Suffix(Pattern)}",
        (_, null) => $"{Prefix}sendToGroup{Suffix(Group)}",
        _ => $"{Prefix}sendToGroups{Suffix(Pattern)}",
    };

    internal bool Allows(ClientPermission permission, string group) =>
        permission == Permission && (_pattern is { } pattern ? pattern.Matches(group) : Group is null || Group == group);

    private static PermissionRule? ForPattern(ClientPermission permission, string pattern) =>
        GroupPattern.TryParse(pattern) is { } parsed ? new(permission, null, pattern, parsed) : null;

    private static string Suffix(string? name) => name is null ? "" : $".{name}";
}
