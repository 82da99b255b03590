using System.ComponentModel;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>The peers that run on Node.js, and the packages that they share.</summary>
internal static class NodeJsPrograms
{
    private static string Folder => Path.Combine(Repository.Tests, "DistributedSockets.Benchmarks", "nodejs");

    public static string Script(string name) => Path.Combine(Folder, name);

    /// <summary>Installs the packages, unless that has been done.</summary>
    /// <returns>Null, or why these peers cannot be run here.</returns>
    /// <exception cref="InvalidOperationException">npm cannot install them.</exception>
    public static async Task<string?> InstallAsync()
    {
        try
        {
            await Repository.RunAsync(Folder, "node", "--version");
            if (!IsInstalled())
            {
                Console.WriteLine("Installing what the peers on Node.js need.");
                await Repository.RunAsync(Folder, "npm", "ci", "--no-audit", "--no-fund");
            }

            return null;
        }
        catch (Win32Exception)
        {
            return "no Node.js was found (node and npm)";
        }
    }

    /// <summary>Whether npm has finished, and with the packages that are asked for now: it writes its own lock file last.</summary>
    private static bool IsInstalled()
    {
        var installed = Path.Combine(Folder, "node_modules", ".package-lock.json");
        return File.Exists(installed) && File.GetLastWriteTimeUtc(installed) >= File.GetLastWriteTimeUtc(Path.Combine(Folder, "package-lock.json"));
    }
}
