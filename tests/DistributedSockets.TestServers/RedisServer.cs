using System.Diagnostics;

namespace DistributedSockets.TestServers;

/// <summary>The <c>redis-server</c> of this machine.</summary>
public sealed class RedisServer : TestServer
{
    private static readonly string? Executable = (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Select(directory => Path.Combine(directory, OperatingSystem.IsWindows() ? "redis-server.exe" : "redis-server"))
        .FirstOrDefault(File.Exists);

    /// <summary>Whether <c>redis-server</c> is on the path.</summary>
    public static bool IsInstalled => Executable is not null;

    /// <inheritdoc/>
    public override bool IsAvailable => IsInstalled;

    /// <inheritdoc/>
    protected override string Name => "redis-server";

    /// <inheritdoc/>
    protected override ProcessStartInfo CreateStartInfo(int port) => new(
        Executable ?? throw new TestServerException("redis-server is not on the path."),
        ["--port", $"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", .. ExtraArguments]);

    /// <inheritdoc/>
    protected override bool IsOurs(int processId, string info) =>
        info.Split("\r\n").Contains($"process_id:{processId}", StringComparer.Ordinal);
}
