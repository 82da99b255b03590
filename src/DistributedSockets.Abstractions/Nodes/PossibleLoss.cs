namespace DistributedSockets;

/// <summary>A report that messages for connections of this node may have been lost.</summary>
/// <param name="Cause">What kind of event it was.</param>
/// <param name="From">The earliest moment from which messages may be missing, by this node's clock.</param>
/// <param name="To">The moment after which delivery is normal again.</param>
/// <param name="Description">What happened, in words.</param>
public sealed record PossibleLoss(PossibleLossCause Cause, DateTimeOffset From, DateTimeOffset To, string Description);
