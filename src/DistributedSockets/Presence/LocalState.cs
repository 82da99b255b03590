namespace DistributedSockets;

/// <summary>How a <see cref="LocalSubject"/> was at a moment.</summary>
/// <param name="IsHere">Whether a connection makes it present here.</param>
/// <param name="HeldIn">The epoch in which the store was last known to have it.</param>
/// <param name="Announced">The number of the last change that has been handed to the observers.</param>
/// <param name="Told">The number of the last change that they have been told.</param>
internal readonly record struct LocalState(bool IsHere, string? HeldIn, long Announced, long Told);
