namespace DistributedSockets.Benchmarks.Peers;

/// <summary>What runs a peer's program.</summary>
internal enum PeerRuntime
{
    /// <summary>.NET: a project of this repository, built with this one.</summary>
    Dotnet,

    /// <summary>Node.js: a script in the folder <c>nodejs</c>, whose packages npm installs.</summary>
    NodeJs,

    /// <summary>The operating system: C, built when it is wanted.</summary>
    Native,
}
