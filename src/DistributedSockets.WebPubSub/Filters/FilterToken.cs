namespace DistributedSockets.WebPubSub;

/// <summary>What a token of a filter is.</summary>
internal enum FilterTokenKind
{
    /// <summary>There is nothing more.</summary>
    End,

    /// <summary>The name of an operand, operator or function, or a word such as <c>true</c>.</summary>
    Word,

    /// <summary>A string, without its quotes.</summary>
    String,

    /// <summary>A whole number.</summary>
    Integer,

    /// <summary>An opening parenthesis.</summary>
    Open,

    /// <summary>A closing parenthesis.</summary>
    Close,

    /// <summary>A comma.</summary>
    Comma,
}

/// <summary>One token of a filter.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="At">Where it begins, counted in characters from 1.</param>
/// <param name="Text">The word or string.</param>
/// <param name="Number">The number.</param>
internal readonly record struct FilterToken(FilterTokenKind Kind, int At, string Text = "", long Number = 0)
{
    internal bool IsWord(string word) => Kind == FilterTokenKind.Word && string.Equals(Text, word, StringComparison.OrdinalIgnoreCase);
}
