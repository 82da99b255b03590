namespace DistributedSockets.TestNode;

internal sealed record RouterOutcome(bool Ok, string? Error = null, string? Message = null);
