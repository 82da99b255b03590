namespace DistributedSockets.ClusterTests;

/// <summary>Which links of a proxy a fault is for. A client of Redis has one link for commands and, before RESP3, one for subscriptions.</summary>
internal enum FaultLinks
{
    All,

    /// <summary>Those on which a <c>SUBSCRIBE</c> has been seen.</summary>
    Subscriber,

    /// <summary>The others.</summary>
    Commands,
}
