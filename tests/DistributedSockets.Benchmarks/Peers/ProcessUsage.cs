using System.Globalization;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>What the operating system says of a process (Linux).</summary>
internal static class ProcessUsage
{
    private const double TicksPerSecond = 100; // USER_HZ, the same on every Linux that .NET runs on
    private const double PageKiB = 4;

    /// <summary>The CPU time of all its threads, in user and kernel mode, in steps of 10 ms.</summary>
    public static double CpuSeconds(int processId)
    {
        // The fields after the name, which stands in parentheses: state is number 3, utime 14, stime 15.
        var stat = File.ReadAllText($"/proc/{processId}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }

    /// <summary>The memory that is resident.</summary>
    public static double ResidentKiB(int processId) =>
        long.Parse(File.ReadAllText($"/proc/{processId}/statm").Split(' ')[1], CultureInfo.InvariantCulture) * PageKiB;

    /// <summary>How many files and sockets a process may have open.</summary>
    public static int MaxOpenFiles()
    {
        var limit = File.ReadLines("/proc/self/limits").First(static line => line.StartsWith("Max open files", StringComparison.Ordinal));
        var hard = limit.Split(' ', StringSplitOptions.RemoveEmptyEntries)[4];
        return int.TryParse(hard, CultureInfo.InvariantCulture, out var number) ? number : int.MaxValue;
    }
}
