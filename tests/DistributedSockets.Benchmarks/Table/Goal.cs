using System.Globalization;
using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Results;

namespace DistributedSockets.Benchmarks.Table;

/// <summary>A figure that the library aims at.</summary>
/// <param name="Figure">What is divided by what.</param>
/// <param name="Bound">What the ratio should be, at least or at most.</param>
/// <param name="IsAtLeast">Which of both.</param>
/// <param name="Measure">The median over the rounds of the ratio within each; null if the run did not measure it.</param>
/// <param name="Scenario">Whose run it is measured by.</param>
internal sealed record Goal(string Figure, double Bound, bool IsAtLeast, Func<RunReport, ClientKind, double?> Measure, string Scenario = TableReport.Scenario)
{
    private const string KestrelAlone = "raw-send";

    public static IReadOnlyList<Goal> All { get; } =
    [
        Cpu("broadcast-8", "signalr", 5),
        Cpu("broadcast-8", "socketio", 5),
        new("broadcast, 128 B, 8 outstanding: ours ÷ C, epoll, joined frames", 1.6, IsAtLeast: false, static (run, client) =>
            run.MedianRatio(Variant("broadcast-8", client), Peer.Ours.Key, "c", Metric.ServerCpu)),
        Cpu("broadcast-1", "signalr", 2.5),
        Cpu("groups", "signalr", 3),
        P99("groups"),
        Cpu("user", "signalr", 2.5),
        P99("user-rate"),
        new("one slow reader: p99 of the others, with ÷ without", 1.1, IsAtLeast: false, static (run, client) => run.MedianRatio(
            (TableTurn.Variant(TableReport.OneDoesNot, client), Peer.Ours.Key), (TableTurn.Variant(TableReport.AllRead, client), Peer.Ours.Key), Metric.P99)),
        new("broadcast, 128 B, 8 outstanding: bytes allocated per delivery", 2, IsAtLeast: false, static (run, client) =>
            run.Median(Variant("broadcast-8", client), Peer.Ours.Key, Metric.AllocatedBytes)),
        new("idle connection with a session and one group: KiB resident, a while later, above Kestrel alone", 2, IsAtLeast: false, static (run, client) => client == ClientKind.CSharp ? IdleAbove(run) : null, Scenario: "memory"),
    ];

    public string Aim => string.Create(CultureInfo.InvariantCulture, $"{(IsAtLeast ? "≥" : "≤")} {Bound}");

    public bool IsMet(double measured) => IsAtLeast ? measured >= Bound : measured <= Bound;

    private static Goal Cpu(string load, string peer, double atLeast) => new(
        $"{Title(load)}: {Peer.Get(peer).Title} ÷ ours, server CPU",
        atLeast,
        IsAtLeast: true,
        (run, client) => run.MedianRatio(Variant(load, client), peer, Peer.Ours.Key, Metric.ServerCpu));

    private static Goal P99(string load) => new(
        $"{Title(load)}: p99, ours ÷ the best peer's",
        1,
        IsAtLeast: false,
        (run, client) => Peer.All.Where(static peer => peer.IsDistributed && peer != Peer.Ours)
            .Select(peer => run.MedianRatio(Variant(load, client), Peer.Ours.Key, peer.Key, Metric.P99)).Max());

    /// <summary>With the most connections that were measured.</summary>
    private static double? IdleAbove(RunReport run) =>
        run.Measurements.Where(static one => one.Peer == KestrelAlone && one.Variant.EndsWith("one group", StringComparison.Ordinal)).MaxBy(static one => one.Connections)?.Variant is { } variant
            ? run.Median(variant, Peer.Ours.Key, Metric.LaterResidentKiBPerConnection) - run.Median(variant, KestrelAlone, Metric.LaterResidentKiBPerConnection)
            : null;

    private static string Title(string load) => TableLoad.All.First(one => one.Key == load).Title;

    private static string Variant(string load, ClientKind client) => TableTurn.Variant(Title(load), client);
}
