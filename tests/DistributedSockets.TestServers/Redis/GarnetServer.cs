using System.Diagnostics;
using System.Text.Json;

namespace DistributedSockets.TestServers;

/// <summary>Microsoft's Garnet, which speaks the Redis protocol and comes as a .NET tool, so that a machine with only the SDK has it.</summary>
/// <remarks>
/// The version stands in <c>.config/dotnet-tools.json</c>. The tool's program is started directly rather than by
/// <c>dotnet tool run</c>, which would put a second process in between that signals do not pass.
/// </remarks>
public sealed class GarnetServer : RespServer
{
    private const string PackageId = "garnet-server";

    private static readonly Lazy<Task<string>> Program = new(FindOrRestoreAsync);

    private string _program = "";

    /// <inheritdoc/>
    protected override string Name => PackageId;

    /// <inheritdoc/>
    protected override async Task PrepareAsync() => _program = await Program.Value;

    /// <inheritdoc/>
    protected override ProcessStartInfo CreateStartInfo(int port) => new(
        "dotnet",
        [
            "--roll-forward", "Major", _program, "--port", $"{port}", "--bind", "127.0.0.1",
            "--lua", "--lua-transaction-mode", "--memory", "128m", "--index", "16m", .. ExtraArguments,
        ])
    {
        // A server's heap is made for the whole machine; beside tests a small one will do.
        Environment = { ["DOTNET_gcServer"] = "0", ["DOTNET_TieredPGO"] = "0" },
    };

    private static async Task<string> FindOrRestoreAsync()
    {
        var root = FindRoot();
        using var manifest = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(root, ".config", "dotnet-tools.json")));
        var version = manifest.RootElement.GetProperty("tools").GetProperty(PackageId).GetProperty("version").GetString()!;
        var packages = await FindPackagesFolderAsync(root);
        if (FindProgram(packages, version) is { } present)
        {
            return present;
        }

        var output = await RunDotnetAsync(root, "tool", "restore");
        return FindProgram(packages, version)
            ?? throw new TestServerException($"dotnet tool restore did not bring {PackageId} {version} to {packages}. It said:\n{output}");
    }

    private static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, ".config", "dotnet-tools.json")))
            {
                return directory.FullName;
            }
        }

        throw new TestServerException($"No .config/dotnet-tools.json was found above {AppContext.BaseDirectory}.");
    }

    private static async Task<string> FindPackagesFolderAsync(string root)
    {
        var output = await RunDotnetAsync(root, "nuget", "locals", "global-packages", "--list", "--force-english-output");
        const string label = "global-packages:";
        var line = output.Split('\n').FirstOrDefault(line => line.Contains(label, StringComparison.Ordinal))
            ?? throw new TestServerException($"dotnet nuget locals did not say where packages are kept. It said:\n{output}");
        return line[(line.IndexOf(label, StringComparison.Ordinal) + label.Length)..].Trim();
    }

    private static string? FindProgram(string packages, string version)
    {
        var tools = Path.Combine(packages, PackageId, version, "tools");
        return Directory.Exists(tools)
            ? Directory.EnumerateFiles(tools, "DotnetToolSettings.xml", SearchOption.AllDirectories)
                .Select(settings => Path.Combine(Path.GetDirectoryName(settings)!, "GarnetServer.dll"))
                .FirstOrDefault(File.Exists)
            : null;
    }

    private static async Task<string> RunDotnetAsync(string directory, params string[] arguments)
    {
        var info = new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(info)!;
        using var guard = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(guard.Token);
            var errors = process.StandardError.ReadToEndAsync(guard.Token);
            await process.WaitForExitAsync(guard.Token);
            var all = await output + await errors;
            return process.ExitCode == 0
                ? all
                : throw new TestServerException($"dotnet {string.Join(' ', arguments)} ended with {process.ExitCode}. It said:\n{all}");
        }
        catch (OperationCanceledException) when (guard.IsCancellationRequested)
        {
            process.Kill(entireProcessTree: true);
            throw new TestServerException($"dotnet {string.Join(' ', arguments)} did not end within five minutes.");
        }
    }
}
