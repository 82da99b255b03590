namespace DistributedSockets.WebPubSub;

/// <summary>The four subprotocols.</summary>
internal static class ClientProtocols
{
    internal static IReadOnlyList<WebSocketProtocol> All { get; } =
    [
        new PlainProtocol("json.webpubsub.azure.v1", JsonFormat.Instance),
        new ReliableProtocol("json.reliable.webpubsub.azure.v1", JsonFormat.Instance),
        new PlainProtocol("protobuf.webpubsub.azure.v1", ProtobufFormat.Instance),
        new ReliableProtocol("protobuf.reliable.webpubsub.azure.v1", ProtobufFormat.Instance),
    ];

    /// <summary>Finds a subprotocol by its name; null for a simple client, which speaks none of them.</summary>
    internal static IClientProtocol? Find(string? name)
    {
        foreach (var protocol in All)
        {
            if (protocol.Name == name)
            {
                return (IClientProtocol)protocol;
            }
        }

        return null;
    }
}
