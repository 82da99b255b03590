namespace DistributedSockets;

/// <summary>A report that messages for connections of this node may have been lost.</summary>
public sealed record PossibleLoss
{
    /// <summary>What kind of event it was.</summary>
    public required PossibleLossCause Cause { get; init; }

    /// <summary>The earliest moment from which messages may be missing, by this node's clock.</summary>
    public required DateTimeOffset From { get; init; }

    /// <summary>The moment after which delivery is normal again.</summary>
    public required DateTimeOffset To { get; init; }

    /// <summary>What happened, in words.</summary>
    public required string Description { get; init; }
}
