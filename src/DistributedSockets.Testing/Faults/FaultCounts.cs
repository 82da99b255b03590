namespace DistributedSockets.Testing;

/// <summary>What a <see cref="FaultyBackplane"/> has done so far.</summary>
/// <param name="Received">Payloads that the backplane below handed over.</param>
/// <param name="Lost">Payloads that were not handed on, those that came during a cut included.</param>
/// <param name="Delayed">Payloads that were chosen to be late.</param>
/// <param name="Duplicated">Payloads that were handed on twice.</param>
/// <param name="Reordered">Payloads that were overtaken.</param>
public sealed record FaultCounts(long Received, long Lost, long Delayed, long Duplicated, long Reordered);
