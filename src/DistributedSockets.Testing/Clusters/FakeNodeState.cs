namespace DistributedSockets.Testing;

/// <summary>What has become of a node.</summary>
public enum FakeNodeState
{
    /// <summary>It runs.</summary>
    Running,

    /// <summary>It was stopped, or is about to stop.</summary>
    Stopped,

    /// <summary>It was killed.</summary>
    Crashed,
}
