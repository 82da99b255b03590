using System.Text.RegularExpressions;

namespace Samples;

/// <summary>The form of names that people type into the samples.</summary>
internal static partial class UserName
{
    public const string Rule = "1 to 32 letters, digits, dots, hyphens or underscores, and begins with a letter or digit";

    public const string Pattern = @"[\p{L}\p{N}][\p{L}\p{M}\p{N}._-]{0,31}";

    public static bool IsValid(string? name) => name is not null && Form.IsMatch(name);

    [GeneratedRegex($@"\A{Pattern}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Form { get; }
}
