namespace DistributedSockets;

/// <summary>Which groups of a hub a question is about, and in which order.</summary>
public sealed record GroupQuery
{
    private GroupQuery()
    {
    }

    /// <summary>How names are ordered: by Unicode code point, which is the order of their UTF-8 bytes.</summary>
    public static IComparer<string> NameOrder { get; } = new CodePointOrder();

    /// <summary>The hub.</summary>
    public string Hub { get; private init; } = "";

    /// <summary>The order.</summary>
    public GroupOrder Order { get; private init; }

    /// <summary>What the names begin with, or <see langword="null"/> for all groups.</summary>
    public string? Prefix { get; private init; }

    /// <summary>The groups of a hub by name.</summary>
    /// <param name="hub">The hub's name.</param>
    /// <param name="prefix">What the names begin with; <see langword="null"/> or empty for all groups.</param>
    /// <exception cref="ArgumentException">The prefix has half of a surrogate pair, which no name has.</exception>
    public static GroupQuery ByName(string hub, string? prefix = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(hub);
        if (prefix is not null && prefix.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') && !IsWhole(prefix))
        {
            throw new ArgumentException("The prefix has half of a surrogate pair, which no group name has. Cut it between whole characters.", nameof(prefix));
        }

        return new() { Hub = hub, Order = GroupOrder.Name, Prefix = string.IsNullOrEmpty(prefix) ? null : prefix };
    }

    /// <summary>The groups of a hub, the largest first.</summary>
    /// <param name="hub">The hub's name.</param>
    public static GroupQuery Largest(string hub)
    {
        ArgumentException.ThrowIfNullOrEmpty(hub);
        return new() { Hub = hub, Order = GroupOrder.Largest };
    }

    private static bool IsWhole(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]) && !(i + 1 < text.Length && char.IsSurrogatePair(text[i], text[++i])))
            {
                return false;
            }
        }

        return true;
    }

    private sealed class CodePointOrder : IComparer<string>
    {
        public int Compare(string? x, string? y)
        {
            var one = x.AsSpan();
            var other = y.AsSpan();
            var same = one.CommonPrefixLength(other);
            return same == one.Length || same == other.Length
                ? one.Length.CompareTo(other.Length)
                : Rank(one[same]).CompareTo(Rank(other[same]));
        }

        // A surrogate stands for a code point beyond all others of 16 bits.
        private static int Rank(char letter) => char.IsSurrogate(letter) ? letter + 0x1_0000 : letter;
    }
}
