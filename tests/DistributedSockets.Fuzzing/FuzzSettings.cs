using System.Globalization;

namespace DistributedSockets.Fuzzing;

/// <summary>How much is tried and from which seed, as environment variables say.</summary>
/// <remarks>Without them every run tries the same, so that a failure is found again by running the test again.</remarks>
public static class FuzzSettings
{
    /// <summary><c>FUZZ_FACTOR</c>: multiplies the number of cases, and the time they may take. The default is 1.</summary>
    public static int Factor { get; } = Read("FUZZ_FACTOR", 1);

    /// <summary><c>FUZZ_SEED</c>: where chance begins.</summary>
    public static int Seed { get; } = Read("FUZZ_SEED", 20_260);

    /// <summary><c>FUZZ_CASE</c>: the one case to run, as a failure names it.</summary>
    public static int? OnlyCase { get; } = Read("FUZZ_CASE", -1) is var number and >= 0 ? number : null;

    private static int Read(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
