namespace DistributedSockets.Benchmarks.Log;

/// <param name="PerSecond">Entries appended in a second.</param>
/// <param name="RedisMicroseconds">What one costs Redis, in microseconds of its CPU time.</param>
/// <param name="PerCall">How many entries a call of the script appended.</param>
internal readonly record struct LogLoadResult(double PerSecond, double RedisMicroseconds, double PerCall);
