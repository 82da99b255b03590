using System.Runtime.CompilerServices;

namespace DistributedSockets.ClusterTests;

/// <summary>A load of clients that resume their sessions, to which something happens, and the judgement of it.</summary>
internal static class ResumeFaultRun
{
    /// <summary>The nodes' options.</summary>
    public static readonly Dictionary<string, string> Options = new()
    {
        ["HeartbeatInterval"] = "00:00:00.5",
        ["LeaseExpiry"] = "00:00:03",
        ["EnableResume"] = "true",
        ["MaxUnacknowledgedMessages"] = "200", // so that records are written often
    };

    /// <param name="seed">Decides who sends what to whom.</param>
    /// <param name="nodes">The nodes.</param>
    /// <param name="fault">What happens.</param>
    /// <param name="blinking">How many clients cut their connection every second or so.</param>
    /// <param name="mayLose">Whether the log may lose entries. Without that nothing may be missing; with it, nothing of which nobody is told.</param>
    /// <param name="done">What happens by chance, as it is done.</param>
    /// <param name="name">The test.</param>
    public static async Task<History> RunAsync(
        int seed, FaultNodes nodes, Func<HistoryLoad, Task> fault, int blinking, bool mayLose = false, IReadOnlyList<string>? done = null, [CallerMemberName] string name = "")
    {
        done ??= [];
        await using var load = await nodes.LoadAsync(new() { Seed = seed, Logged = true, Resuming = 24, Blinking = blinking });
        await nodes.UntilHealthyAsync();
        TimeSpan normal;
        try
        {
            await fault(load);
            normal = await load.UntilFlowingAsync();
            await load.UntilConnectedAsync();
            await nodes.UntilHealthyAsync();
        }
        catch (TimeoutException exception)
        {
            throw new TimeoutException($"{load}, after {string.Join(", ", done)}: {exception.Message}", exception);
        }

        var verdict = await load.EndAsync();
        FaultReport.Write(load, verdict, normal, done.Count == 0 ? name : $"{done.Count} faults by chance");
        verdict.AssertKept($"{load}, {string.Join(", ", done)}");
        if (!mayLose)
        {
            AssertLogIsWhole(load);
        }

        return load.History;
    }

    /// <summary>Asserts that no node has reported that the log has lost anything.</summary>
    public static void AssertLogIsWhole(HistoryLoad load)
    {
        var losses = load.History.Snapshot().Losses.Where(static loss => loss.IsOfLog).ToArray();
        Assert.True(losses.Length == 0, $"{load}: {string.Join(Environment.NewLine, losses.AsEnumerable())}");
    }
}
