using System.Buffers;

namespace DistributedSockets;

/// <summary>The keys of the buckets of a cluster, as the subjects that they are.</summary>
/// <remarks>
/// A node's lease is <c>n.NODE</c> in the bucket of nodes. In the bucket of sessions, <c>s.NODE.HUB.CONNECTION</c> is the record of a
/// session, <c>u.HUB.USER.NODE.CONNECTION</c> and <c>g.HUB.GROUP.NODE.CONNECTION</c> are empty and lead to it, <c>c.HUB.GROUP.NODE</c> is
/// the number of connections that a group has on a node, and <c>w.NODE</c> is written anew after each commit. The bucket of presence, which
/// exists only where presence is used, has <c>HUB.KEY</c>. Names are <see cref="NatsKeyToken"/>s.
/// </remarks>
internal sealed class NatsSessionKeys(string prefix)
{
    internal static readonly SearchValues<char> PlainCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    // An index has these tokens: kind, hub, user or group, node, connection. A size has all but the last.
    private const int IndexTokens = 5;
    private const int SizeTokens = 4;

    private readonly string _nodes = $"$KV.{BucketName(prefix)}-nodes.";
    private readonly string _sessions = $"$KV.{BucketName(prefix)}-sessions.";
    private readonly string _presence = $"$KV.{BucketName(prefix)}-presence.";

    public string NodesBucket { get; } = BucketName(prefix) + "-nodes";

    public string SessionsBucket { get; } = BucketName(prefix) + "-sessions";

    public string PresenceBucket { get; } = BucketName(prefix) + "-presence";

    public string TicketsBucket { get; } = BucketName(prefix) + "-tickets";

    public string Clock => _nodes + "clock";

    public string AllLeases => _nodes + "n.*";

    public string Ticket(string key) => $"$KV.{TicketsBucket}.t.{key}";

    public string Lease(string node) => $"{_nodes}n.{node}";

    public string Written(string node) => $"{_sessions}w.{node}";

    /// <summary>A key under which nothing ever is: a session's has one token more.</summary>
    public string NoSession(string node) => $"{_sessions}s.{node}";

    public string Session(string node, string hub, string connection) => $"{_sessions}s.{node}.{hub}.{connection}";

    public string User(string hub, string user, string node, string connection) => $"{_sessions}u.{hub}.{user}.{node}.{connection}";

    public string Group(string hub, string group, string node, string connection) => $"{_sessions}g.{hub}.{group}.{node}.{connection}";

    public string GroupSize(string hub, string group, string node) => $"{_sessions}c.{hub}.{group}.{node}";

    public string GroupSizes(string hub) => $"{_sessions}c.{hub}.*.*";

    public string GroupSizesOf(string node) => $"{_sessions}c.*.*.{node}";

    public string Presence(string hub, string key) => $"{_presence}{hub}.{key}";

    public string PresenceOf(string hub) => $"{_presence}{hub}.*";

    public string SessionsOf(string node, string? hub = null) => hub is null ? $"{_sessions}s.{node}.>" : $"{_sessions}s.{node}.{hub}.*";

    public string ConnectionsOfUser(string hub, string user) => $"{_sessions}u.{hub}.{user}.*.*";

    public string ConnectionsOfUsers(string hub) => $"{_sessions}u.{hub}.*.*.*";

    public string ConnectionsOfGroup(string hub, string group) => $"{_sessions}g.{hub}.{group}.*.*";

    public string UsersOf(string node) => $"{_sessions}u.*.*.{node}.*";

    public string GroupsOf(string node) => $"{_sessions}g.*.*.{node}.*";

    /// <summary>The token of a connection: without the node that its id begins with, as that stands before it.</summary>
    public static string Connection(string nodeId, string connectionId) =>
        connectionId.Length > nodeId.Length + 1 && connectionId[nodeId.Length] == '.' && connectionId.StartsWith(nodeId, StringComparison.Ordinal)
            ? NatsKeyToken.Encode(connectionId[(nodeId.Length + 1)..])
            : "=x" + NatsKeyToken.Encode(connectionId);

    /// <summary>The tokens of an index: kind, hub, user or group, node, connection; null for what is none.</summary>
    public string[]? TokensOfIndex(string subject) =>
        subject.StartsWith(_sessions, StringComparison.Ordinal) && subject[_sessions.Length..].Split('.') is { Length: IndexTokens } tokens ? tokens : null;

    /// <summary>The tokens of a group's size: kind, hub, group, node; null for what is none.</summary>
    public string[]? TokensOfSize(string subject) =>
        subject.StartsWith(_sessions, StringComparison.Ordinal) && subject[_sessions.Length..].Split('.') is { Length: SizeTokens } tokens ? tokens : null;

    /// <summary>The tokens of a session: kind, node, hub, connection; null for what is none.</summary>
    public string[]? TokensOfSession(string subject) => TokensOfSize(subject);

    /// <summary>The node's token in the subject of a lease.</summary>
    public string NodeOfLease(string subject) => subject[(_nodes.Length + "n.".Length)..];

    /// <summary>A prefix as the name of a bucket, which may hold no dots; different ones stay different.</summary>
    internal static string BucketName(string prefix) => string.Concat(prefix.Select(static letter => letter switch
    {
        '_' => "_u",
        '.' => "_d",
        _ when PlainCharacters.Contains(letter) => letter.ToString(),
        _ => $"_x{(int)letter:X4}",
    }));
}
