namespace DistributedSockets;

/// <summary>Names the hub of a handler.</summary>
/// <param name="name">The hub's name: 1 to 64 lower-case letters, digits, dots, hyphens or underscores.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class WebSocketHubAttribute(string name) : Attribute
{
    /// <summary>The hub's name.</summary>
    public string Name { get; } = name;
}
