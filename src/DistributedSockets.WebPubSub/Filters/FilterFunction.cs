using System.Collections.Frozen;

namespace DistributedSockets.WebPubSub;

/// <summary>A function that a filter may call.</summary>
/// <param name="Returns">What it returns.</param>
/// <param name="Parameters">What it takes.</param>
/// <param name="Required">How many of its parameters have to be given.</param>
/// <param name="Call">Computes it of three arguments, of which it uses as many as it has; none is null.</param>
internal sealed record FilterFunction(FilterType Returns, FilterType[] Parameters, int Required, Func<FilterValue, FilterValue, FilterValue, FilterValue> Call)
{
    private static readonly FilterType[] s_one = [FilterType.String];
    private static readonly FilterType[] s_two = [FilterType.String, FilterType.String];

    /// <summary>All functions by name, without regard to case.</summary>
    internal static readonly FrozenDictionary<string, FilterFunction> All = new Dictionary<string, FilterFunction>
    {
        ["startswith"] = new(FilterType.Boolean, s_two, 2, static (text, part, _) => text.Text.StartsWith(part.Text, StringComparison.Ordinal)),
        ["endswith"] = new(FilterType.Boolean, s_two, 2, static (text, part, _) => text.Text.EndsWith(part.Text, StringComparison.Ordinal)),
        ["contains"] = new(FilterType.Boolean, s_two, 2, static (text, part, _) => text.Text.Contains(part.Text, StringComparison.Ordinal)),
        ["indexof"] = new(FilterType.Integer, s_two, 2, static (text, part, _) => (long)text.Text.IndexOf(part.Text, StringComparison.Ordinal)),
        ["length"] = new(FilterType.Integer, s_one, 1, static (text, _, _) => (long)text.Text.Length),
        ["tolower"] = new(FilterType.String, s_one, 1, static (text, _, _) => text.Text.ToLowerInvariant()),
        ["toupper"] = new(FilterType.String, s_one, 1, static (text, _, _) => text.Text.ToUpperInvariant()),
        ["trim"] = new(FilterType.String, s_one, 1, static (text, _, _) => text.Text.Trim()),
        ["concat"] = new(FilterType.String, s_two, 2, static (text, other, _) => text.Text + other.Text),
        ["substring"] = new(FilterType.String, [FilterType.String, FilterType.Integer, FilterType.Integer], 2, static (text, start, length) => Substring(text.Text, start.Number, length.Number)),
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>As much of a substring as there is.</summary>
    private static string Substring(string text, long start, long length)
    {
        var begin = (int)Math.Clamp(start, 0, text.Length);
        return text.Substring(begin, (int)Math.Clamp(length, 0, text.Length - begin));
    }
}
