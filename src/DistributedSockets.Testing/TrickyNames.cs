namespace DistributedSockets.Testing;

/// <summary>User ids and group names that are allowed and look like something else: a pattern, a separator, another channel or key.</summary>
public static class TrickyNames
{
    private const int MaxBytes = 256;

    /// <summary>The names, all different.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        "*", "?", "[a-z]", "[", "]", "a", "a*", "a?", "A", "\\a", "a\\*", "a:g:b", "user:a", "group:a", "a:", ":a", ":", "all", "node:a", "{a}", "{", "}", "{a",
        "a}", "}{", "a\nb", "a b", "a ", " a", " ", "\0", "a\0", "a\0b", "\r\n", "\t", "\u00e9", "e\u0301", "\ud83d\ude80", "\ud83d\ude81", "\ufffd", "\u202ea",
        "$9", "%2a", "../a", "\"a\"", "'", ">", "a.>", "a.*", "a.b", "#", "sessions", "users", "lease", "hubs", new('x', MaxBytes), new('x', MaxBytes - 1),
        string.Concat(Enumerable.Repeat("\ud83d\ude80", MaxBytes / 4)),
    ];
}
