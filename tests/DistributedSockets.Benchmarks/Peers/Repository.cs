using System.Diagnostics;
using System.Reflection;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>Where things are in a clone of the repository.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string Tests => Path.Combine(Root, "tests");

    /// <summary>Where results go; ignored by git.</summary>
    public static string Artifacts => Path.Combine(Root, "artifacts", "benchmarks");

    private static string Configuration =>
        typeof(Repository).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()?.Configuration ?? "Release";

    /// <summary>The built program of a project under <c>tests</c>.</summary>
    public static string Program(string project)
    {
        var path = Path.Combine(Tests, project, "bin", Configuration, "net10.0", $"{project}.dll");
        return File.Exists(path) ? path : throw new FileNotFoundException($"{path} is missing. Build the solution in {Configuration}.");
    }

    /// <summary>What a command prints.</summary>
    /// <exception cref="System.ComponentModel.Win32Exception">There is no such command.</exception>
    /// <exception cref="InvalidOperationException">It failed; what it says of that has gone to this program's errors.</exception>
    public static async Task<string> RunAsync(string directory, string command, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(command, arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
        })!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output.Trim() : throw new InvalidOperationException($"{command} {string.Join(' ', arguments)} ended with {process.ExitCode}.");
    }

    private static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "DistributedSockets.sln")))
            {
                return directory.FullName;
            }
        }

        throw new DirectoryNotFoundException($"No DistributedSockets.sln was found above {AppContext.BaseDirectory}.");
    }
}
