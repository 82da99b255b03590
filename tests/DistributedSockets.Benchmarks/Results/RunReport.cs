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
    public double? Median(string variant, string peer, string metric)
    {
        var values = Measurements
            .Where(measurement => measurement.Variant == variant && measurement.Peer == peer)
            .Where(measurement => measurement.Values.ContainsKey(metric))
            .Select(measurement => measurement.Values[metric])
            .Where(double.IsFinite)
            .Order()
            .ToArray();
        return values.Length switch
        {
            0 => null,
            var length when length % 2 == 1 => values[length / 2],
            var length => (values[(length / 2) - 1] + values[length / 2]) / 2,
        };
    }
}
