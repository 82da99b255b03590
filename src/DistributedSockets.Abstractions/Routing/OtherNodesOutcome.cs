namespace DistributedSockets;

/// <summary>What became of a send as far as other nodes are concerned. None of the words says that nobody got it.</summary>
public enum OtherNodesOutcome
{
    /// <summary>No other node can hold a receiver, so nothing was published.</summary>
    NotNeeded,

    /// <summary>The backplane has taken it. Whether other nodes hold receivers is not known.</summary>
    Taken,

    /// <summary>
    /// The backplane has taken it, and its transport, which counts, saw no other node that listens. A node that was cut off in that moment is
    /// not seen, and whoever counts takes one of those it saw for this node where this node listens too. So this is a strong hint and no proof.
    /// </summary>
    NoSubscriberSeen,
}
