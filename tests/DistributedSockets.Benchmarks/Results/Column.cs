using System.Globalization;

namespace DistributedSockets.Benchmarks.Results;

/// <summary>A metric as a column of a table.</summary>
internal sealed record Column(string Metric, string Title, int Decimals)
{
    private static readonly Column s_p999 = new(Results.Metric.P999, "p99.9 ms", 2);
    private static readonly Column s_received = new(Results.Metric.ReceivedBytes, "bytes on the wire/delivery", 0);
    private static readonly Column s_resident = new(Results.Metric.ResidentMiB, "RSS MiB", 0);
    private static readonly Column s_residentEach = new(Results.Metric.ResidentKiBPerConnection, "RSS KiB/connection", 1);
    private static readonly Column s_residentLater = new(Results.Metric.LaterResidentKiBPerConnection, "the same later", 1);
    private static readonly Column s_heapEach = new(Results.Metric.HeapKiBPerConnection, "heap KiB/connection", 1);
    private static readonly Column s_connects = new(Results.Metric.ConnectsPerSecond, "connects/s", 0);
    private static readonly Column s_connectCpu = new(Results.Metric.ConnectCpu, "server CPU µs/connect", 0);
    private static readonly Column s_others = new(Results.Metric.OthersCpu, "others' CPU µs/message", 2);
    private static readonly Column s_othersIdle = new(Results.Metric.OthersIdleCpu, "others idle, ms/s", 1);
    private static readonly Column s_othersLoaded = new(Results.Metric.OthersLoadedCpu, "others loaded, ms/s", 1);
    private static readonly Column s_firstToLast = new(Results.Metric.FirstToLast, "first to last ms", 1);
    private static readonly Column s_wrong = new(Results.Metric.Missing, "missing", 0);

    public static Column ServerCpu { get; } = new(Results.Metric.ServerCpu, "server CPU µs/delivery", 2);
    public static Column ClientCpu { get; } = new(Results.Metric.ClientCpu, "client CPU µs/delivery", 2);
    public static Column RedisCpu { get; } = new(Results.Metric.RedisCpu, "Redis µs/delivery", 2);
    public static Column Rate { get; } = new(Results.Metric.DeliveriesPerSecond, "deliveries/s", 0);
    public static Column P50 { get; } = new(Results.Metric.P50, "p50 ms", 2);
    public static Column P99 { get; } = new(Results.Metric.P99, "p99 ms", 2);
    public static Column Allocated { get; } = new(Results.Metric.AllocatedBytes, "allocated B/delivery", 1);

    public static IReadOnlyList<Column> Load { get; } = [ServerCpu, Rate, P50, P99, s_p999, RedisCpu, Allocated, s_resident];

    public static IReadOnlyList<Column> Compression { get; } = [ServerCpu, Rate, s_received, P50, P99, Allocated, s_resident];

    public static IReadOnlyList<Column> Memory { get; } = [s_residentEach, s_residentLater, s_heapEach];

    public static IReadOnlyList<Column> Storm { get; } = [s_connects, s_connectCpu];

    public static IReadOnlyList<Column> Uninvolved { get; } = [s_others, s_othersIdle, s_othersLoaded, ServerCpu, Rate];

    public static IReadOnlyList<Column> LargeGroup { get; } = [s_firstToLast, P50, P99, ServerCpu];

    /// <summary>What is printed while a run goes on, where it was measured.</summary>
    public static IReadOnlyList<Column> Shown { get; } =
        [s_firstToLast, s_connects, s_connectCpu, s_residentEach, s_residentLater, s_heapEach, s_others, ServerCpu, Rate, P50, P99, Allocated, s_wrong];

    // Adding zero takes the sign from a zero that was rounded.
    public string Format(double? value) => value is { } number && double.IsFinite(number)
        ? (Math.Round(number, Decimals) + 0.0).ToString($"N{Decimals}", CultureInfo.InvariantCulture)
        : "–";
}
