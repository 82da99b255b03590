using System.ComponentModel;
using System.Reflection;
using DistributedSockets.ClusterTests;

[assembly: AssemblyFixture(typeof(DistributedSockets.WebPubSub.Tests.Official.OfficialPackages))]

namespace DistributedSockets.WebPubSub.Tests.Official;

/// <summary>The official npm packages, installed as their lock file says when a test first needs them, and the scripts that use them.</summary>
public sealed class OfficialPackages
{
    private readonly Lazy<Task<string?>> _missing = new(InstallAsync);

    /// <summary>The path of something that the build has put into the assembly's metadata.</summary>
    internal static string Path(string key) => typeof(OfficialPackages).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(attribute => attribute.Key == key).Value!; // written by the project file

    /// <summary>Skips the running test where there is no Node.js; fails it in continuous integration, where it must not be missing.</summary>
    internal async Task SkipUnlessAvailableAsync()
    {
        if (await _missing.Value is { } reason)
        {
            Assert.SkipWhen(Environment.GetEnvironmentVariable("CI") != "true", reason);
            Assert.Fail(reason);
        }
    }

    /// <summary>Starts a script.</summary>
    internal static ChildProcess Start(string script, params string[] arguments) =>
        ChildProcess.Start(script, "node", [script, .. arguments], directory: Path("ClientDirectory"));

    private static async Task<string?> InstallAsync()
    {
        var directory = Path("ClientDirectory");
        try
        {
            // npm writes its own lock file last.
            if (!File.Exists(System.IO.Path.Combine(directory, "node_modules", ".package-lock.json")))
            {
                await using var install = OperatingSystem.IsWindows()
                    ? ChildProcess.Start("npm", "cmd", ["/c", "npm", "ci", "--no-audit", "--no-fund"], directory: directory)
                    : ChildProcess.Start("npm", "npm", ["ci", "--no-audit", "--no-fund"], directory: directory);
                if (await install.ExitAsync() != 0)
                {
                    return $"npm ci failed.{Environment.NewLine}{install.Output()}";
                }
            }

            await using var node = ChildProcess.Start("node", "node", ["--version"], directory: directory);
            return await node.ExitAsync() == 0 ? null : $"Node.js cannot be used.{Environment.NewLine}{node.Output()}";
        }
        catch (Win32Exception exception)
        {
            return $"The official clients need Node.js and npm: {exception.Message}";
        }
    }
}
