namespace DistributedSockets.Tests.Shared;

/// <summary>Tasks of a test run have failed without anybody looking at their exceptions.</summary>
/// <param name="count">How many.</param>
public sealed class UnobservedTaskFailuresException(int count)
    : Exception($"{count} tasks failed without anybody looking at their exceptions, which are printed above.");
