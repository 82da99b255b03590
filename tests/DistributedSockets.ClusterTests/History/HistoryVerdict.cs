namespace DistributedSockets.ClusterTests;

/// <summary>What a history comes to.</summary>
internal sealed class HistoryVerdict
{
    private const int Told = 20;

    /// <summary>What broke a promise, in words.</summary>
    public List<string> Violations { get; } = [];

    /// <summary>Those of them that a little more time could mend.</summary>
    public int Missing { get; set; }

    public int Accepted { get; set; }

    public int Refused { get; set; }

    public int Unknown { get; set; }

    public int Delivered { get; set; }

    /// <summary>Deliveries that are missing in a window which the receiver's node reported as possible loss.</summary>
    public int ReportedLost { get; set; }

    /// <summary>The reports of possible loss, by cause.</summary>
    public string Reports { get; set; } = "";

    public void AssertKept(string run) => Assert.True(
        Violations.Count == 0,
        $"{run}: {Violations.Count} violations, {this}{Environment.NewLine}{string.Join(Environment.NewLine, Violations.Take(Told))}{Environment.NewLine}{ChildProcess.OutputOfAll()}");

    public override string ToString() =>
        $"{Accepted + Refused + Unknown} sends ({Refused} refused, {Unknown} without an answer), {Delivered} deliveries, {ReportedLost} lost and reported, reports: {Reports}";
}
