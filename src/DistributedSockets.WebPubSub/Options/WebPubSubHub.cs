using System.Text.RegularExpressions;

namespace DistributedSockets.WebPubSub;

/// <summary>The names of hubs: which the protocol allows, which can be served, and how one is called within.</summary>
internal static partial class WebPubSubHub
{
    /// <summary>Whether a name is one of a hub, served here or not.</summary>
    internal static bool IsValid(string hub) => Form().IsMatch(hub);

    /// <summary>Whether a hub of this name can be served: the names of hubs are part of channels, where fewer signs are allowed.</summary>
    internal static bool CanBeServed(string? hub) => hub is not null && Served().IsMatch(hub);

    /// <summary>The name of the hub within: case makes no difference to clients.</summary>
    internal static string Fold(string hub) => hub.ToLowerInvariant();

    [GeneratedRegex(@"\A[A-Za-z][A-Za-z0-9_`,.\[\]]{0,127}\z")]
    private static partial Regex Form();

    [GeneratedRegex(@"\A[A-Za-z][A-Za-z0-9_.]{0,63}\z")]
    private static partial Regex Served();
}
