namespace DistributedSockets;

/// <summary>The subprotocols in which a hub speaks to its clients.</summary>
internal sealed class HubProtocols
{
    private readonly List<ProtocolFormat> _formats = [];

    internal HubProtocols(HubOptions options, FrameDeflater deflater, ConnectionLog log)
    {
        foreach (var protocol in options.Protocols)
        {
            Add(protocol);
        }

        if (options.EnableResume)
        {
            Add(ResumeV1Protocol.Instance);
        }

        void Add(WebSocketProtocol protocol) => _formats.Add(new(protocol, deflater.IsEnabled ? deflater : null, log));
    }

    /// <summary>Finds a subprotocol; null if it is one that the app speaks by itself, or none.</summary>
    internal ProtocolFormat? Find(string? name)
    {
        foreach (var format in _formats)
        {
            if (string.Equals(format.Protocol.Name, name, StringComparison.Ordinal))
            {
                return format;
            }
        }

        return null;
    }
}
