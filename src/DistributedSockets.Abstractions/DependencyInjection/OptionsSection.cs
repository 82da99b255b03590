using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Says which section of the app's configuration sets which options, and reads it strictly.</summary>
/// <typeparam name="TOptions">
/// The options. Each public property of type <see cref="string"/>, <see cref="bool"/>, <see cref="int"/>, <see cref="long"/>,
/// <see cref="TimeSpan"/>, an enumeration, or <see cref="IList{T}"/> of <see cref="string"/>, is set by the key of its name, in any case.
/// All others can be set in code only, and the section refuses their keys.
/// </typeparam>
/// <remarks>
/// Register it with <c>BindOptions</c>. The host then refuses to start with a key that is not an option, or with a value that cannot be read.
/// No message repeats a value, since it may be a secret in the wrong place.
/// </remarks>
public sealed class OptionsSection<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TOptions> : IOptionsSection
    where TOptions : class
{
    private readonly List<OptionKey> _keys = [.. OptionKey.Of(typeof(TOptions))];

    /// <summary>Creates a section with a key for each option.</summary>
    /// <param name="name">
    /// The name of the section within <c>DistributedWebSockets</c>, such as <c>Redis</c>; <see langword="null"/> for that section itself.
    /// Several options may share a section.
    /// </param>
    /// <param name="isPerName">
    /// Whether the keys stand in sections within it, such as <c>Hubs:chat</c>, each of which sets the named options of its name, in any case.
    /// Otherwise they stand in the section itself, and set the options that have no name.
    /// </param>
    public OptionsSection(string? name = null, bool isPerName = false)
    {
        Path = name is null ? OptionsSection.Root : ConfigurationPath.Combine(OptionsSection.Root, name);
        IsPerName = isPerName;
    }

    /// <summary>The path of the section, such as <c>DistributedWebSockets:Redis</c>.</summary>
    public string Path { get; }

    /// <summary>Whether it holds a section for each name.</summary>
    public bool IsPerName { get; }

    IReadOnlyList<OptionKey> IOptionsSection.Keys => _keys;

    /// <summary>Adds a key whose value is a list of objects, each written as keys of its own or as one text.</summary>
    /// <typeparam name="TItem">An object, whose properties are read as those of the options are.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="fromText">Makes an object of one that is written as a text. Must not throw.</param>
    /// <param name="take">Takes the objects, in their order. Called after all other options of the section have been set, unless there are none.</param>
    /// <returns>This section.</returns>
    public OptionsSection<TOptions> AddList<[DynamicallyAccessedMembers(
        DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TItem>(
        string key, Func<string, TItem> fromText, Action<TOptions, IReadOnlyList<TItem>> take)
        where TItem : class, new()
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        ArgumentNullException.ThrowIfNull(fromText);
        ArgumentNullException.ThrowIfNull(take);
        OptionKey[] itemKeys = [.. OptionKey.Of(typeof(TItem))];
        _keys.RemoveAll(known => known.Name == key);
        _keys.Add(new(key, Read, ItemKeys: itemKeys));
        return this;

        void Read(object options, IConfigurationSection section, ICollection<string> errors)
        {
            var items = new List<TItem>();
            foreach (var child in OptionText.ListItems(section, errors))
            {
                if (child.Value is { } text)
                {
                    items.Add(fromText(text));
                }
                else
                {
                    var item = new TItem();
                    OptionsSection.Read(child, itemKeys, item, errors);
                    items.Add(item);
                }
            }

            if (items.Count > 0)
            {
                take((TOptions)options, items);
            }
        }
    }

    /// <summary>Sets the options for which the section has keys.</summary>
    /// <param name="configuration">The app's configuration.</param>
    /// <param name="name">The name of the options; empty for those without a name.</param>
    /// <param name="options">The options.</param>
    /// <exception cref="OptionsValidationException">A value cannot be read.</exception>
    internal void Configure(IConfiguration configuration, string name, TOptions options)
    {
        if (IsPerName == (name.Length == 0))
        {
            return; // what has no name has no section among those of names, and what has one has no other
        }

        var errors = new List<string>();
        OptionsSection.Read(configuration.GetSection(IsPerName ? ConfigurationPath.Combine(Path, name) : Path), _keys, options, errors);
        if (errors.Count > 0)
        {
            throw new OptionsValidationException(name, typeof(TOptions), errors);
        }
    }
}

/// <summary>What all sections have in common.</summary>
internal static class OptionsSection
{
    /// <summary>The section within which all others are.</summary>
    internal const string Root = "DistributedWebSockets";

    internal static void Read(IConfigurationSection section, IEnumerable<OptionKey> keys, object options, ICollection<string> errors)
    {
        foreach (var key in keys)
        {
            if (key.Read is { } read && section.GetSection(key.Name) is var value && OptionText.IsGiven(value))
            {
                read(options, value, errors);
            }
        }
    }
}
