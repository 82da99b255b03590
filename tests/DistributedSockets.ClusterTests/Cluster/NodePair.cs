namespace DistributedSockets.ClusterTests;

/// <summary>Two nodes of one cluster.</summary>
public abstract class NodePair
{
    /// <summary>The first node.</summary>
    internal abstract TestNodeProcess A { get; }

    /// <summary>The second node.</summary>
    internal abstract TestNodeProcess B { get; }

    /// <summary>The driver of <c>ws</c> clients. Skips the test where there is no Node.js, but fails it in CI.</summary>
    internal abstract WsDriver Ws { get; }
}
