namespace DistributedSockets;

/// <summary>A hub whose log is spoken of, and what its log keeps.</summary>
public sealed class LogHub
{
    /// <summary>The hub's name: 1 to 64 lower-case letters, digits, dots, hyphens or underscores.</summary>
    public required string Name { get; init; }

    /// <summary>How much is kept. The same on all nodes; while a deployment changes it, either may hold.</summary>
    public required LogRetention Retention { get; init; }
}
