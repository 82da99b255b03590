namespace DistributedSockets;

/// <summary>One change of a node's sessions, to be written to the session store.</summary>
/// <param name="Kind">What changed.</param>
/// <param name="Session">
/// The session as it is after the change; for <see cref="SessionChangeKind.Ended"/> as it was before its end.
/// </param>
/// <param name="Group">The group, for the two group changes.</param>
public sealed record SessionChange(SessionChangeKind Kind, Session Session, string? Group = null);
