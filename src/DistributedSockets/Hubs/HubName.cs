using System.Reflection;
using System.Text.RegularExpressions;

namespace DistributedSockets;

/// <summary>The form of hub names, and the name of a handler's hub.</summary>
internal static partial class HubName
{
    internal const string Default = "default";

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

        if (!Form().IsMatch(name))
        {
            throw new ArgumentException(
                $"The hub of {handler} would be named '{name}'. Put [WebSocketHub(\"name\")] on it, with 1 to 64 lower-case letters, digits, dots, hyphens or underscores.",
                nameof(handler));
        }

        return name;
    }

    internal static void Check(string hub)
    {
        ArgumentNullException.ThrowIfNull(hub);
        if (!Form().IsMatch(hub))
        {
            throw new ArgumentException(
                $"'{hub}' is no hub name. Use 1 to 64 lower-case letters, digits, dots, hyphens or underscores.", nameof(hub));
        }
    }

    [GeneratedRegex(@"\A[a-z0-9._-]{1,64}\z")]
    private static partial Regex Form();
}
