using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Microsoft.Extensions.Configuration;

namespace DistributedSockets;

/// <summary>A key of a section.</summary>
/// <param name="Name">The key, and the name of the option.</param>
/// <param name="Read">Sets the option, or says what is wrong with the value; null if the option can be set in code only.</param>
/// <param name="CodeType">The type of an option that can be set in code only.</param>
/// <param name="ItemKeys">The keys of each object in a list of objects.</param>
internal sealed record OptionKey(
    string Name,
    Action<object, IConfigurationSection, ICollection<string>>? Read,
    Type? CodeType = null,
    IReadOnlyList<OptionKey>? ItemKeys = null)
{
    /// <summary>The keys of all options of a type.</summary>
    internal static IEnumerable<OptionKey> Of([DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] Type type)
    {
        foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.PropertyType == typeof(IList<string>))
            {
                yield return new(property.Name, (options, section, errors) => ReadList((IList<string>)property.GetValue(options)!, section, errors));
            }
            else if (property.SetMethod is { IsPublic: true } && OptionText.IsReadable(property.PropertyType))
            {
                yield return new(property.Name, (options, section, errors) => ReadValue(property, options, section, errors));
            }
            else
            {
                yield return new(property.Name, null, property.PropertyType);
            }
        }
    }

    private static void ReadList(IList<string> list, IConfigurationSection section, ICollection<string> errors)
    {
        list.Clear(); // what it had came from options that hold for more than this section
        foreach (var child in OptionText.ListItems(section, errors))
        {
            if (child.Value is { } text)
            {
                list.Add(text);
            }
            else
            {
                errors.Add($"{child.Path} holds keys of its own. Write a text there.");
            }
        }
    }

    private static void ReadValue(PropertyInfo property, object options, IConfigurationSection section, ICollection<string> errors)
    {
        if (section.Value is not { } text)
        {
            errors.Add($"{section.Path} holds keys of its own. Write {OptionText.Expected(property.PropertyType)} there.");
        }
        else if (OptionText.TryRead(property.PropertyType, text, out var value))
        {
            property.SetValue(options, value);
        }
        else
        {
            errors.Add($"{section.Path} is {OptionText.Form(text)}. Write {OptionText.Expected(property.PropertyType)} there.");
        }
    }
}
