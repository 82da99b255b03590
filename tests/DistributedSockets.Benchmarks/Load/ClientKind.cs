namespace DistributedSockets.Benchmarks.Load;

/// <summary>Which load client is used. What one says of a ratio, the other has to say as well.</summary>
internal enum ClientKind
{
    /// <summary>The one in this process.</summary>
    CSharp,

    /// <summary>The one in C, a process of its own.</summary>
    C,
}
