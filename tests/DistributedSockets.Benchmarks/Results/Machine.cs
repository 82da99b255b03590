using System.Runtime.InteropServices;
using DistributedSockets.Benchmarks.Peers;

namespace DistributedSockets.Benchmarks.Results;

/// <summary>On what a run was made.</summary>
internal sealed record Machine(
    string Processor, int Processors, double MemoryGiB, string OperatingSystem, string Dotnet, string Node, string Redis, string? Nats, string Commit)
{
    public static async Task<Machine> ReadAsync()
    {
        var root = Repository.Root;
        var commit = await TryAsync(root, "git", "rev-parse", "--short", "HEAD");
        var changed = await TryAsync(root, "git", "status", "--porcelain", "--untracked-files=no");
        return new(
            File.ReadLines("/proc/cpuinfo").FirstOrDefault(static line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "unknown",
            Environment.ProcessorCount,
            Math.Round(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30), 1),
            RuntimeInformation.OSDescription,
            RuntimeInformation.FrameworkDescription,
            await TryAsync(root, "node", "--version"),
            await TryAsync(root, "redis-server", "--version"),
            await TryAsync(root, "nats-server", "--version"),
            changed.Length == 0 ? commit : $"{commit}, changed");
    }

    private static async Task<string> TryAsync(string directory, string command, params string[] arguments)
    {
        try
        {
            return await Repository.RunAsync(directory, command, arguments);
        }
        catch (Exception exception) when (exception is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return "";
        }
    }
}
