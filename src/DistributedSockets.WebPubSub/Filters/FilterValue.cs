namespace DistributedSockets.WebPubSub;

/// <summary>What a part of a filter is for one connection: null, a boolean, a whole number or a string.</summary>
internal readonly struct FilterValue
{
    private readonly string? _text;
    private readonly long _number;

    private FilterValue(FilterType type, string? text, long number) => (Type, _text, _number) = (type, text, number);

    /// <summary>Null, which is the default.</summary>
    internal static FilterValue Null => default;

    internal FilterType Type { get; }

    internal bool IsNull => Type == FilterType.Null;

    /// <summary>Whether it is true; null is not.</summary>
    internal bool IsTrue => Type == FilterType.Boolean && _number != 0;

    /// <summary>Whether it is false; null is not.</summary>
    internal bool IsFalse => Type == FilterType.Boolean && _number == 0;

    /// <summary>The string; empty for anything else.</summary>
    internal string Text => _text ?? "";

    /// <summary>The number; 0 for anything else.</summary>
    internal long Number => _number;

    public static implicit operator FilterValue(bool value) => new(FilterType.Boolean, null, value ? 1 : 0);

    public static implicit operator FilterValue(long value) => new(FilterType.Integer, null, value);

    public static implicit operator FilterValue(string? value) => value is null ? Null : new(FilterType.String, value, 0);

    /// <summary>Whether two values are the same: null is the same as null alone. Strings are compared ordinally.</summary>
    internal static bool AreSame(in FilterValue left, in FilterValue right) =>
        left.Type == right.Type && left._number == right._number && string.Equals(left._text, right._text, StringComparison.Ordinal);

    /// <summary>Which of two values of one type comes first, neither of which is null. Strings are compared ordinally.</summary>
    internal static int Compare(in FilterValue left, in FilterValue right) =>
        left._text is not null ? string.CompareOrdinal(left._text, right._text) : left._number.CompareTo(right._number);
}
