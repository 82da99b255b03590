using System.Reflection;

namespace DistributedSockets;

/// <summary>The version of an assembly, for people.</summary>
internal static class AssemblyVersion
{
    private const int MaxLength = 64;

    /// <summary>The version as it was given at the build, without what stands behind a plus sign, such as a commit; null for no assembly.</summary>
    internal static string? Of(Assembly? assembly)
    {
        var version = assembly?.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]
            ?? assembly?.GetName().Version?.ToString();
        return version is { Length: > MaxLength } ? version[..MaxLength] : version;
    }
}
