using System.Reflection;
using System.Text.RegularExpressions;

namespace DistributedSockets;

/// <summary>The form of hub names, and the name of a handler's hub.</summary>
internal static partial class HubName
{
    internal const string Default = "default";

    internal const string FormInWords = "1 to 64 lower-case letters, digits, dots, hyphens or underscores";

    private const string Suffix = "Handler";

    internal static string Of(Type handler)
    {
        var name = handler.GetCustomAttribute<WebSocketHubAttribute>()?.Name;
        if (name is null)
        {
            name = handler.Name.EndsWith(Suffix, StringComparison.Ordinal) && handler.Name.Length > Suffix.Length
                ? handler.Name[..^Suffix.Length]
                : handler.Name;
            name = name.ToLowerInvariant();
        }

        if (!IsValid(name))
        {
            throw new ArgumentException($"The hub of {handler} would be named '{name}'. Put [WebSocketHub(\"name\")] on it, with {FormInWords}.", nameof(handler));
        }

        return name;
    }

    internal static void Check(string hub)
    {
        ArgumentNullException.ThrowIfNull(hub);
        if (!IsValid(hub))
        {
            throw new ArgumentException($"'{hub}' is no hub name. Use {FormInWords}.", nameof(hub));
        }
    }

    internal static bool IsValid(string hub) => Form().IsMatch(hub);

    /// <summary>Whether a handler names its hub itself, so that the name stays when the class is renamed.</summary>
    internal static bool IsExplicit(Type handler) => handler.GetCustomAttribute<WebSocketHubAttribute>() is not null;

    [GeneratedRegex(@"\A[a-z0-9._-]{1,64}\z")]
    private static partial Regex Form();
}
