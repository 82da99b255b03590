namespace DistributedSockets.WebPubSub;

/// <summary>A client that has gone for good.</summary>
public sealed class WebPubSubDisconnectedContext : WebPubSubClientContext
{
    internal WebPubSubDisconnectedContext(in EventClient client, string reason, IServiceProvider services)
        : base(client, services) => Reason = reason;

    /// <summary>Why, in words; empty if nobody has said so.</summary>
    public string Reason { get; }
}
