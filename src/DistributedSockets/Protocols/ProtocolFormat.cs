namespace DistributedSockets;

/// <summary>A subprotocol as the connections of a hub are written to in it. One for all that have no session.</summary>
internal sealed class ProtocolFormat(WebSocketProtocol protocol, FrameDeflater? deflater, ConnectionLog? log = null) : IMessagePrefix
{
    internal WebSocketProtocol Protocol => protocol;

    public bool FollowsLog => false;

    public bool MayWrite(SharedFrame frame) => true;

    public SharedFrame BodyOf(SharedFrame frame) => protocol.KeepsPayload ? frame : frame.BodyFor(protocol, deflater, log);

    public int Write(Span<byte> destination, SharedFrame frame, int bodyBytes) => protocol.WriteHead(destination, 0, bodyBytes);

    public void OnFellBehind()
    {
        // It has no log to follow.
    }

    public void OnExpired(SharedFrame frame)
    {
        // It gives no numbers.
    }
}
