using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace DistributedSockets.Fuzzing;

/// <summary>User ids and group names that are allowed and look like something else: a pattern, a separator, another channel or key.</summary>
public static class HostileNames
{
    private const int MaxBytes = 256;

    private static readonly string[] s_pieces =
    [
        ":", "*", "?", "[", "]", "[a-z]", "^", "{", "}", "{}", "\\", "\n", "\r\n", "\0", " ", "\t", "\"", "'", "/", "..", "%00", ">", ".",
        "a", "b", "A", "all", "user", "group", "node", "user:", "group:", "node:", ":v1:", "chat", ":sessions", ":users", ":lease", "hubs",
        "\u00fc", "e\u0301", "\u00e9", "\u7fa4\u7d44", "\ud83d\ude80", "\ud83d\ude81", "\ufffd", "\u202e", "\u0001", "\u007f", "\u2028",
    ];

    /// <summary>Makes valid names of such pieces: 1 to 256 bytes of UTF-8.</summary>
    public static Gen<string> Gen { get; } = Text(8).Where(static name => name.Length > 0 && Encoding.UTF8.GetByteCount(name) <= MaxBytes);

    /// <summary>Makes texts, valid in UTF-16, of such pieces and of any character.</summary>
    /// <param name="maxPieces">How many pieces at most.</param>
    public static Gen<string> Text(int maxPieces)
    {
        var rune = FsCheck.Fluent.Gen.Choose(0, 0x10FFFF).Where(Rune.IsValid).Select(static value => new Rune(value).ToString());
        var piece = FsCheck.Fluent.Gen.Frequency((8, FsCheck.Fluent.Gen.Elements(s_pieces)), (2, rune));
        return from count in FsCheck.Fluent.Gen.Choose(0, maxPieces)
               from pieces in piece.ListOf(count)
               select string.Concat(pieces);
    }
}
