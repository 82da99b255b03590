using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Refuses keys of the configuration that set nothing: a misspelt option would silently keep its default.</summary>
/// <remarks>Checked with the cluster's options, which every app has.</remarks>
internal sealed class UnknownKeys(IEnumerable<IOptionsSection> sections, IConfiguration? configuration) : IValidateOptions<DistributedWebSocketsClusterOptions>
{
    private const int MaxShownKey = 64;

    /// <summary>Sections of packages that an app may have in its configuration without using them, such as one shared with other apps.</summary>
    private static readonly string[] s_packages = ["Redis", "Nats", "WebPubSub"];

    public ValidateOptionsResult Validate(string? name, DistributedWebSocketsClusterOptions options)
    {
        var errors = new ValidateOptionsResultBuilder();
        if (configuration is not null)
        {
            var known = sections.GroupBy(static section => section.Path, StringComparer.OrdinalIgnoreCase).ToDictionary(
                static group => group.Key, static group => group.SelectMany(static section => section.Keys).ToArray(), StringComparer.OrdinalIgnoreCase);
            var perName = sections.Where(static section => section.IsPerName).Select(static section => section.Path).ToHashSet(StringComparer.OrdinalIgnoreCase);
            foreach (var path in known.Keys)
            {
                if (perName.Contains(path))
                {
                    CheckNames(configuration.GetSection(path), known[path], known, errors);
                }
                else
                {
                    Check(configuration.GetSection(path), known[path], known, errors);
                }
            }
        }

        return errors.Build();
    }

    private static void CheckNames(
        IConfigurationSection section, IReadOnlyList<OptionKey> keys, Dictionary<string, OptionKey[]> known, ValidateOptionsResultBuilder errors)
    {
        if (!string.IsNullOrEmpty(section.Value))
        {
            errors.AddError($"{section.Path} is a single text. It holds a section for each name: write the options as keys within that, such as {section.Path}:name:{keys[0].Name}.");
        }

        foreach (var named in section.GetChildren())
        {
            Check(named, keys, known, errors);
        }
    }

    private static void Check(
        IConfigurationSection section, IReadOnlyList<OptionKey> keys, Dictionary<string, OptionKey[]> known, ValidateOptionsResultBuilder errors)
    {
        if (!string.IsNullOrEmpty(section.Value))
        {
            errors.AddError($"{section.Path} is a single text. It is a section: write the options as keys within it, such as {section.Path}:{keys[0].Name}.");
        }

        foreach (var child in section.GetChildren())
        {
            if (keys.Where(key => key.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase)).MinBy(static key => key.CodeType is not null) is { } key)
            {
                CheckValue(child, key, known, errors);
            }
            else if (!known.ContainsKey(child.Path) && !IsOfPackage(child))
            {
                errors.AddError($"{section.Path}:{Shown(child.Key)} is not an option. The nearest is {Nearest(section.Path, child.Key, keys, known)}.");
            }
        }
    }

    private static void CheckValue(IConfigurationSection value, OptionKey key, Dictionary<string, OptionKey[]> known, ValidateOptionsResultBuilder errors)
    {
        if (key.CodeType is { } type)
        {
            errors.AddError($"{value.Path} can be set in code only, since it is an object of type {type.Name}. Remove the key, and set the option in a callback.");
        }
        else if (key.ItemKeys is { } itemKeys)
        {
            foreach (var item in value.GetChildren().Where(static item => item.Value is null))
            {
                Check(item, itemKeys, known, errors);
            }
        }
    }

    private static bool IsOfPackage(IConfigurationSection section) => s_packages.Any(
        package => section.Path.Equals(ConfigurationPath.Combine(OptionsSection.Root, package), StringComparison.OrdinalIgnoreCase));

    /// <summary>The key that was probably meant; one of another section if it has this very name.</summary>
    private static string Nearest(string path, string key, IReadOnlyList<OptionKey> keys, Dictionary<string, OptionKey[]> known)
    {
        var here = keys.Where(static known => known.CodeType is null).Select(known => (Path: $"{path}:{known.Name}", Distance: Distance(key, known.Name)));
        var subsections = known.Keys.Where(other => other.StartsWith(path + ':', StringComparison.OrdinalIgnoreCase))
            .Select(other => (Path: other, Distance: Distance(key, other[(path.Length + 1)..])));
        var elsewhere = known.SelectMany(other => other.Value
            .Where(known => known.CodeType is null && known.Name.Equals(key, StringComparison.OrdinalIgnoreCase))
            .Select(known => (Path: $"{other.Key}:{known.Name}", Distance: 0)));
        return elsewhere.Concat(here).Concat(subsections).MinBy(static candidate => candidate.Distance).Path;
    }

    /// <summary>How many letters must be put in, left out or replaced to make one text of the other, whatever their case (Levenshtein).</summary>
    private static int Distance(string from, string to)
    {
        var row = Enumerable.Range(0, to.Length + 1).ToArray();
        for (var i = 1; i <= Math.Min(from.Length, MaxShownKey); i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                var replaced = diagonal + (char.ToUpperInvariant(from[i - 1]) == char.ToUpperInvariant(to[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[to.Length];
    }

    // What stands in the place of a key may be anything, such as a connection string on a command line.
    private static string Shown(string key) =>
        key.Length <= MaxShownKey && key.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-' or '.') ? key : $"(a key of {key.Length} characters)";
}
