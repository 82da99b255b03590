using System.Diagnostics;

namespace DistributedSockets.TestServers;

/// <summary>The <c>redis-server</c> of this machine.</summary>
public sealed class RedisServer : RespServer
{
    private static readonly string? Executable = (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Select(directory => Path.Combine(directory, OperatingSystem.IsWindows() ? "redis-server.exe" : "redis-server"))
        .FirstOrDefault(File.Exists);

    private DirectoryInfo? _data;

    /// <summary>Whether <c>redis-server</c> is on the path.</summary>
    public static bool IsInstalled => Executable is not null;

    /// <inheritdoc/>
    public override bool IsAvailable => IsInstalled;

    /// <summary>Whether what the command <c>SAVE</c> has written, or was logged with <c>--appendonly yes</c>, is there again after a restart.</summary>
    public bool KeepsData { get; init; }

    /// <summary>The program, for those who start it in another role.</summary>
    internal static string Program => Executable ?? throw new TestServerException("redis-server is not on the path.");

    /// <inheritdoc/>
    protected override string Name => "redis-server";

    /// <summary>Whether the answer to <c>INFO server</c> comes from a process.</summary>
    internal static bool IsFrom(int processId, string info) => info.Split("\r\n").Contains($"process_id:{processId}", StringComparer.Ordinal);

    /// <inheritdoc/>
    protected override ProcessStartInfo CreateStartInfo(int port)
    {
        string[] directory = KeepsData ? ["--dir", (_data ??= Directory.CreateTempSubdirectory("redis-data-")).FullName] : [];
        return new(Program, ["--port", $"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", .. directory, .. ExtraArguments]);
    }

    /// <inheritdoc/>
    protected override bool IsOurs(int processId, string info) => IsFrom(processId, info);

    /// <inheritdoc/>
    protected override void DeleteFiles()
    {
        _data?.Delete(recursive: true);
        _data = null;
    }
}
