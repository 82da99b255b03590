namespace DistributedSockets;

/// <summary>Knows runtimes that no server should run on.</summary>
internal static class RuntimeCheck
{
    /// <summary>Whether the platform's WebSockets can be made to deny service by a client (CVE-2026-62901: 10.0.0 to 10.0.10).</summary>
    internal static bool IsVulnerable(Version runtime) => runtime is { Major: 10, Minor: 0, Build: <= 10 };
}
