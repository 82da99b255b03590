using System.Runtime.CompilerServices;

namespace DistributedSockets.ClusterTests;

/// <summary>What a fault cost, for the table in <c>docs/promises.md</c>: in the test's output, and in the file that <c>FAULT_REPORT</c> names.</summary>
internal static class FaultReport
{
    private static readonly Lock Gate = new();

    /// <param name="load">What was going on.</param>
    /// <param name="verdict">What arrived.</param>
    /// <param name="untilNormal">How long it took from the end of the fault until messages went from each node to each.</param>
    /// <param name="test">The test.</param>
    public static void Write(HistoryLoad load, HistoryVerdict verdict, TimeSpan untilNormal, [CallerMemberName] string test = "")
    {
        var line = $"{test} | {load} | {verdict} | normal after {untilNormal.TotalSeconds:F1} s";
        TestContext.Current.TestOutputHelper?.WriteLine(line);
        if (Environment.GetEnvironmentVariable("FAULT_REPORT") is { Length: > 0 } path)
        {
            lock (Gate)
            {
                File.AppendAllText(path, line + Environment.NewLine);
            }
        }
    }
}
