using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace DistributedSockets;

/// <summary>Hands options down: from the process to its hubs, and from a hub to its endpoints.</summary>
internal static class OptionsInheritance
{
    /// <summary>Gives new options all that <typeparamref name="TOptions"/> has, as it is one level above.</summary>
    /// <typeparam name="TOptions">What the two have in common.</typeparam>
    /// <param name="options">The new options, with their lists empty.</param>
    /// <param name="above">The options of the level above.</param>
    internal static void InheritFrom<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TOptions>(this TOptions options, TOptions above)
        where TOptions : HandshakeOptions
    {
        options.Filters.AddRange(above.Filters);
        foreach (var property in typeof(TOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.SetMethod is { IsPublic: true })
            {
                property.SetValue(options, property.GetValue(above));
            }
            else if (property.GetValue(options) is IList list)
            {
                foreach (var item in (IList)property.GetValue(above)!) // both are of the same type
                {
                    list.Add(item);
                }
            }
        }
    }
}
