using System.Text.Json;
using System.Text.Json.Serialization;

namespace DistributedSockets.Benchmarks.Results;

/// <summary>One run of a scenario, as it is kept.</summary>
internal sealed record RunReport
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public required string Scenario { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public required string Command { get; init; }

    public required double Seconds { get; init; }

    public required double WarmupSeconds { get; init; }

    public required Machine Machine { get; init; }

    /// <summary>Why a peer could not be run on the machine, by its key.</summary>
    public SortedDictionary<string, string> LeftOut { get; init; } = [];

    public required IReadOnlyList<Measurement> Measurements { get; init; }

    public static RunReport Load(string path) =>
        JsonSerializer.Deserialize<RunReport>(File.ReadAllText(path), s_json) ?? throw new InvalidDataException($"{path} holds no run.");

    public string Save(string directory)
    {
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, $"{StartedAt.UtcDateTime:yyyyMMdd-HHmmss}-{Scenario}.json");
        File.WriteAllText(path, JsonSerializer.Serialize(this, s_json));
        return path;
    }

    /// <summary>The median over the rounds.</summary>
    public double? Median(string variant, string peer, string metric) => Median(ByRound((variant, peer), metric).Select(static one => one.Value));

    /// <summary>The median over the rounds of what one peer showed, divided by what another did in the same round.</summary>
    public double? MedianRatio(string variant, string peer, string other, string metric) => MedianRatio((variant, peer), (variant, other), metric);

    /// <inheritdoc cref="MedianRatio(string, string, string, string)"/>
    public double? MedianRatio((string Variant, string Peer) dividend, (string Variant, string Peer) divisor, string metric) => Median(
        ByRound(dividend, metric).Join(ByRound(divisor, metric), static one => one.Round, static other => other.Round, static (one, other) => one.Value / other.Value));

    private static double? Median(IEnumerable<double> values)
    {
        var ordered = values.Where(double.IsFinite).Order().ToArray();
        return ordered.Length switch
        {
            0 => null,
            var length when length % 2 == 1 => ordered[length / 2],
            var length => (ordered[(length / 2) - 1] + ordered[length / 2]) / 2,
        };
    }

    private IEnumerable<(int Round, double Value)> ByRound((string Variant, string Peer) of, string metric) => Measurements
        .Where(measurement => measurement.Variant == of.Variant && measurement.Peer == of.Peer && measurement.Values.ContainsKey(metric))
        .Select(measurement => (measurement.Round, measurement.Values[metric]));
}
