using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace DistributedSockets;

/// <summary>Reads the texts of a configuration as values of options.</summary>
internal static class OptionText
{
    /// <summary>Whether a key is there with a value: a null of JSON leaves the option as it is.</summary>
    internal static bool IsGiven(IConfigurationSection section) => section.Value is not null || section.GetChildren().Any();

    internal static bool IsReadable(Type type) =>
        type.IsEnum || type == typeof(string) || type == typeof(bool) || type == typeof(int) || type == typeof(long) || type == typeof(TimeSpan);

    internal static bool TryRead(Type type, string text, [NotNullWhen(true)] out object? value)
    {
        value = null;
        if (type == typeof(string))
        {
            value = text;
        }
        else if (type == typeof(bool))
        {
            value = bool.TryParse(text, out var flag) ? flag : null;
        }
        else if (type == typeof(int))
        {
            value = int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null;
        }
        else if (type == typeof(long))
        {
            value = long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null;
        }
        else if (type == typeof(TimeSpan))
        {
            // A number alone would be taken for days, where most people mean seconds.
            value = text.Contains(':') && TimeSpan.TryParseExact(text.Trim(), "c", CultureInfo.InvariantCulture, out var duration) ? duration : null;
        }
        else if (Enum.GetNames(type).FirstOrDefault(name => name.Equals(text.Trim(), StringComparison.OrdinalIgnoreCase)) is { } name)
        {
            value = Enum.Parse(type, name);
        }

        return value is not null;
    }

    /// <summary>What a value of the type looks like.</summary>
    internal static string Expected(Type type) =>
        type == typeof(string) ? "a text"
        : type == typeof(bool) ? "true or false"
        : type == typeof(int) ? $"a whole number of at most {int.MaxValue}"
        : type == typeof(long) ? $"a whole number of at most {long.MaxValue}"
        : type == typeof(TimeSpan) ? "a duration as hh:mm:ss, such as 00:00:01.5, or as d.hh:mm:ss"
        : string.Join(" or ", Enum.GetNames(type));

    /// <summary>What a text looks like, without repeating it.</summary>
    internal static string Form(string text) =>
        string.IsNullOrWhiteSpace(text) ? "empty"
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _) ? "a number"
        : $"a text of {text.Length} characters";

    /// <summary>The items of a list. An empty array of JSON is an empty text.</summary>
    internal static IEnumerable<IConfigurationSection> ListItems(IConfigurationSection section, ICollection<string> errors)
    {
        if (!string.IsNullOrEmpty(section.Value))
        {
            errors.Add($"{section.Path} is a single text. It is a list: write an array in JSON, or {section.Path}:0, {section.Path}:1 and so on.");
        }

        return section.GetChildren().Where(IsGiven);
    }
}
