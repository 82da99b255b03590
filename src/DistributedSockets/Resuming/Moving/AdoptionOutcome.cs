namespace DistributedSockets;

/// <summary>What came of the attempt to go on with a session of a lost node.</summary>
internal enum AdoptionOutcome
{
    /// <summary>It is this node's now.</summary>
    Adopted,

    /// <summary>It is at another node, as its client has come back there.</summary>
    Elsewhere,

    /// <summary>It has no record any more, so it has ended.</summary>
    Ended,
}
