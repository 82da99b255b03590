namespace DistributedSockets.Benchmarks.Log;

/// <param name="PerSecond">Entries appended in a second.</param>
/// <param name="ServerMicroseconds">What one costs the server, in microseconds of its CPU time.</param>
/// <param name="PerCall">How many entries a call of the script appended, where there is a script.</param>
internal readonly record struct LogLoadResult(double PerSecond, double ServerMicroseconds, double? PerCall);
