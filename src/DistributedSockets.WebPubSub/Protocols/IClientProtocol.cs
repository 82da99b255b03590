namespace DistributedSockets.WebPubSub;

/// <summary>A subprotocol of Web PubSub.</summary>
internal interface IClientProtocol
{
    string Name { get; }

    FrameFormat Format { get; }

    bool IsReliable { get; }
}
