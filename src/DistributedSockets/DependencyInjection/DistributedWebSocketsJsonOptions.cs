using System.Text.Json;

namespace DistributedSockets;

/// <summary>How values are written and read as JSON. Apart from the other options, since it cannot be bound from configuration.</summary>
internal sealed class DistributedWebSocketsJsonOptions
{
    internal JsonSerializerOptions SerializerOptions { get; } = new(JsonSerializerDefaults.Web);
}
